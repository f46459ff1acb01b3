/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals.h - signals as something to look for: they are blocked from the
 * start, in workers too, and taken by the leader where it suits him.
 */
#ifndef STRESS_SIGNALS_H
#define STRESS_SIGNALS_H

#include <stdint.h>

/* Before any thread or process is started. */
void signals_block(void);

/*
 * Wait until @until_ns (CLOCK_MONOTONIC, 0: not at all), a child's end, or a
 * signal that asks for an end. Returns the first such signal ever, or 0.
 */
int signals_wait(uint64_t until_ns);

/* How many have asked for an end: at the second one, hurry. */
int signals_count(void);

/* Die of it, as if it had never been blocked. */
void signals_die(int number);

#endif
