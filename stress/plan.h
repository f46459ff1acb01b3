/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - what was asked for on the command line.
 */
#ifndef STRESS_PLAN_H
#define STRESS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "spl.h"
#include "stamp.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum {
	READERS_MAX = 1024,
	/* Of a store's 1024 writer entries a process takes half at most; the
	 * leader needs one as well. */
	WRITER_THREADS_MAX = 500,
	WRITER_PROCESSES_MAX = 1000
};

/* Options that take a number, or none, are all uint64_t: see plan.c. */
struct plan {
	const char *program;
	uint32_t kind; /* SPL_MEMORY or SPL_FILE */
	uint32_t run; /* names this run in its values */
	uint32_t entries; /* spl_options.writers */
	const char *store;
	char store_text[64]; /* the default name */
	uint64_t readers;
	uint64_t writers;
	uint64_t procs;
	uint64_t kill;
	uint64_t toggle_vacuum;
	uint64_t duration_ms;
	uint64_t keys;
	uint64_t slots;
	uint64_t min_value;
	uint64_t max_value;
	uint64_t writer_us;
	uint64_t quiet;
	uint64_t keep;
	uint64_t json;
	uint64_t seed;
};

/*
 * Fill @plan from the command line. EXIT_DONE; EXIT_USAGE after a sentence
 * on stderr. Sets *done when nothing is left to do (--help, --version).
 */
int plan_read(struct plan *plan, int argc, char **argv, bool *done);

/* "PROGRAM: " and a sentence on stderr. */
void plan_say(const struct plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Readers, writers, then perhaps the one who switches auto-vacuum. */
static inline uint64_t
plan_workers(const struct plan *plan)
{
	return plan->readers + plan->writers + plan->toggle_vacuum;
}

/* Whether readers, or writers, are processes. */
static inline bool
plan_processes(const struct plan *plan, bool writers)
{
	return plan->procs || (writers && plan->kill);
}

/* Every second key is never unset: it must be found by every read. */
static inline bool
plan_key_stays(uint32_t key)
{
	return key % 2 == 0;
}

/*
 * No value has room for a stamp. Then a key that was absent first gets an empty
 * one, since the first epoch of the next is not known before.
 */
static inline bool
plan_tiny(const struct plan *plan)
{
	return plan->max_value < STAMP_LEN;
}

#endif
