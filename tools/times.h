/* times.h -- a line about how long runs took, and what that makes a second. */
#ifndef ANEC_TIMES_H
#define ANEC_TIMES_H

#include "main.h"

void report_times(Buf *out, double *seconds, size_t n); /* sorts them */
/* A line: multiply-adds of a run, and what they make a second where one takes `seconds`. */
void report_rate(Buf *out, const anec_macs_info *macs, double seconds);

#endif
