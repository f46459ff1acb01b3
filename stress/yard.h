/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yard.h - the store of a run: made, filled, checked at the end, removed.
 */
#ifndef STRESS_YARD_H
#define STRESS_YARD_H

#include "work.h"

struct yard {
	const struct plan *plan;
	spl_store *store;
	struct worker leader; /* writes before and after all others */
	bool full; /* every key has been given a value */
	uint64_t checked; /* keys that the check has read */
	uint64_t rewritten; /* keys that it has written */
};

/*
 * Make the store. EXIT_DONE; another status after a sentence, and then nothing
 * is left.
 */
int yard_make(struct yard *yard, const struct plan *plan, struct share *share);

/* Give every key a value: yard->full, unless a signal or an error came. */
void yard_fill(struct yard *yard);

/*
 * In a full yard that nobody else writes to any more: is everything there,
 * once, and usable? A second signal cuts it short.
 */
void yard_check(struct yard *yard);

/* Remove the store's name, if it still is ours, unless it is to be kept. */
void yard_remove(const struct yard *yard);

/* The same, and close. */
void yard_leave(struct yard *yard);

#endif
