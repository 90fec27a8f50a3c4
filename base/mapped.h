/* mapped.h -- what file.c and mapped.c share. */
#ifndef ANEC_MAPPED_H
#define ANEC_MAPPED_H

#include "base.h"

#include <sys/stat.h>

enum { FILE_MAPPED = 4 << 20 }; /* from this size on: to read 4 MiB takes a millisecond */

FileId file_id_of(const struct stat *st);
/* device, inode, size, time of writing */
bool file_id_same(const FileId *id, const struct stat *st);

/* Maps the open file, whose size and id `out` has, and keeps fd; false: it should be read. */
bool mapped_open(const char *path, int fd, Mapped *out);
void mapped_close(Mapped *m);

#endif
