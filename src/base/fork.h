/*
 * fork.h - has this process been forked off since? For what belongs to the process that made it.
 */
#ifndef HH_BASE_FORK_H
#define HH_BASE_FORK_H

#include <hyperhttp/base.h>

/* Forks are counted from the first call on; one for each thing that will ask is fine.
 * HH_ERR_NO_MEMORY. */
HH_WARN_UNUSED hh_status hh__forks_watch(void);
/* Those between the first process and this one. Differs from what it was: this is a child. */
unsigned hh__forks(void);

#endif
