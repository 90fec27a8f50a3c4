/* told.h -- reports as JSON, for tools that read them. */
#ifndef ANEC_TOLD_H
#define ANEC_TOLD_H

#include "../base/base.h"

#include <cjson/cJSON.h>

/* What d reports from now on is added to the array that is returned, in the place of being printed:
 * each message an object with `level` (note, warning, error, failure), `message`, `warning` (its
 * name), `file`, `line`, `column`, `length` in bytes, and `notes`, those that belong to it. Freed
 * by json_free or json_put, not before the last report. */
cJSON *told_begin(Diag *d);
/* level, message and place of one message */
void told_message(cJSON *o, const char *level, const char *message, Loc loc);

#endif
