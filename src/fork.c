/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork.c - the child shares mapping and descriptor, but must neither use the
 * parent's writer entries nor keep his locks alive: it closes the lock's
 * description and owns nothing until it writes. The parent's other threads,
 * those that wait and the one that feeds descriptors, are not there either.
 */
#include "fork.h"

#include "follow.h"
#include "guard.h"
#include "wait.h"
#include "writer.h"

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static spl_store *registry;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* All locks, in the one order: registry, feeds' calls, each store's own, the
 * guard's. */
static void
fork_prepare(void)
{
	pthread_mutex_lock(&registry_mutex);
	spli_follow_lock();
	for (spl_store *s = registry; s; s = s->next) {
		pthread_mutex_lock(&s->mutex);
		spli_feeds_lock(s);
		pthread_mutex_lock(&s->sleep_mutex);
	}
	spli_guard_lock();
}

static void
fork_parent(void)
{
	spli_guard_unlock();
	for (spl_store *s = registry; s; s = s->next) {
		pthread_mutex_unlock(&s->sleep_mutex);
		spli_feeds_unlock(s);
		pthread_mutex_unlock(&s->mutex);
	}
	spli_follow_unlock();
	pthread_mutex_unlock(&registry_mutex);
}

static void
fork_child(void)
{
	for (spl_store *s = registry; s; s = s->next) {
		spli_writers_forked(s);
		spli_feeds_forked(s);
		spli_waits_forked(s);
	}
	spli_guard_forked();
	fork_parent();
}

static void
fork_register(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

int
spli_handle_start(spl_store *s)
{
	pthread_once(&once, fork_register);
	/* Known to the fork handlers from the first moment that it has a
	 * description to close. */
	pthread_mutex_lock(&registry_mutex);
	int rc = spli_writers_prepare(s);
	if (!rc) {
		s->next = registry;
		if (registry)
			registry->prev = s;
		registry = s;
	}
	pthread_mutex_unlock(&registry_mutex);
	if (!rc && !s->read_only)
		spli_writers_rescue(s);
	return rc;
}

void
spli_handle_stop(spl_store *s)
{
	pthread_mutex_lock(&registry_mutex);
	if (s->prev)
		s->prev->next = s->next;
	else
		registry = s->next;
	if (s->next)
		s->next->prev = s->prev;
	spli_writers_stop(s);
	pthread_mutex_unlock(&registry_mutex);
}
