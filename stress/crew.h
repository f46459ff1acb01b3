/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew.h - all readers and writers, as threads or processes.
 */
#ifndef STRESS_CREW_H
#define STRESS_CREW_H

#include <pthread.h>
#include <sys/types.h>

#include "work.h"

struct member {
	struct worker worker;
	pthread_t thread;
	pid_t pid; /* 0: a thread */
	bool lives;
};

struct crew {
	const struct plan *plan;
	spl_store *store;
	struct share *share;
	struct member *members; /* as plan_workers() */
	uint64_t count;
	uint64_t kills;
	uint64_t begun_ns;
	uint64_t elapsed_ns; /* until crew_stop() */
	uint64_t random;
	bool stuck; /* a thread did not end: it may be in a call for ever */
};

/* Start all at once. What fails is an error in @share, and stops who has started. */
void crew_start(struct crew *crew, const struct plan *plan, spl_store *store,
	struct share *share);

/* Reap who has ended by himself, which is a failure. */
void crew_reap(struct crew *crew);

/* Kill a writing process, or the switcher's; put another into its place. */
void crew_replace_one(struct crew *crew);

/* Stop all, and kill writers that were to be killed; at the end all are gone
 * or crew->stuck is set. */
void crew_stop(struct crew *crew);

#endif
