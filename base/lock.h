/* lock.h -- locks that are let go when memory runs out under them. */
#ifndef ANEC_LOCK_H
#define ANEC_LOCK_H

#include "base.h"

#include <pthread.h>

/* Holds the lock until guard_unlock; t is in the same frame. */
void guard_lock(GuardTask *t, pthread_mutex_t *lock);
void guard_unlock(GuardTask *t, pthread_mutex_t *lock);

#endif
