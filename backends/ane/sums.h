/* sums.h -- SHA-256 of large files, remembered by what the file is: place, device, inode, size,
 * times.
 *
 * A sum is remembered as a note of the cache, so atomically and only where there is a cache,
 * and holds as long as nothing of that differs. A file that was written in the last seconds is
 * not remembered: it could be written again without another time. Files below SUM_LARGE are
 * read each time. */
#ifndef ANEC_ANE_SUMS_H
#define ANEC_ANE_SUMS_H

#include "cache.h"

enum { SUM_LARGE = 1 << 20 };

/* own: a file of the cache. Nobody writes into one, but links are made to it, which changes its
 * ctime: that one is not looked at, and neither is its age. */
void sum_remember(const Cache *c, const char *path, const FileId *id, bool own,
                  const char *hex);
/* Of a file as it is mapped: known, or read and remembered. */
void sum_file(const Cache *c, const char *path, bool own, const Mapped *m, char hex[65]);

#endif
