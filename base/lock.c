/* lock.c -- locks that are let go when memory runs out under them. */
#include "lock.h"

static void let_go(void *lock) { pthread_mutex_unlock(lock); }

void guard_lock(GuardTask *t, pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    guard_task(t, let_go, lock);
}

void guard_unlock(GuardTask *t, pthread_mutex_t *lock)
{
    guard_task_end(t);
    pthread_mutex_unlock(lock);
}
