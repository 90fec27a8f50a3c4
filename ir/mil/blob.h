/* blob.h -- what weight files share with mil_save; not for outside. */
#ifndef ANEC_MIL_BLOB_H
#define ANEC_MIL_BLOB_H

#include "mil.h"

const char *blob_relative(const char *path);           /* without "@model_path/" */
bool blob_same(BlobWriter *b, const char *path); /* after blob_finish: path holds these bytes */

#endif
