/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.h - what all workers and the crew's leader share beside the store:
 * counters, the word to stop, and what went wrong. It lies in an anonymous
 * shared mapping, so that threads and processes use it alike, and what a
 * killed process has counted stays.
 *
 * Who may do what at once:
 *
 *  tally     one worker writes, the leader reads. Relaxed: each counter
 *            stands for itself, and the leader's last sum comes after joining
 *            or reaping the worker, which orders all that it did. Nobody else
 *            writes, so a load and a store will do in place of an addition;
 *            a replacement starts only after its killed predecessor was
 *            reaped.
 *  stop      the leader or a worker sets it, workers look at it. Relaxed: it
 *            publishes nothing, and may be seen a little late.
 *  gate      workers wait for it, so that all begin at once. The leader stores
 *            begun_ns, then this with release; they load it with acquire, or
 *            they could miss begun_ns.
 *  count,    of complaints: everybody adds. Relaxed: only the numbers are
 *  texts     meant, and that each is given out once.
 *  complete  who took the number writes the text, then this with release;
 *            the leader reads it with acquire, then the text. Without them he
 *            could print half a sentence.
 */
#ifndef STRESS_SHARE_H
#define STRESS_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { COMPLAINTS_KEPT = 10 };

/* One cache line each, so that counting disturbs nobody. */
struct tally {
	_Alignas(64) _Atomic uint64_t reads; /* answered, absent included */
	_Atomic uint64_t absent; /* found no key, and none had to be there */
	_Atomic uint64_t read_bytes; /* verified */
	_Atomic uint64_t writes;
	_Atomic uint64_t write_bytes;
	_Atomic uint64_t unsets;
	_Atomic uint64_t retries; /* EAGAIN, and overtaken peeks */
	_Atomic uint64_t version; /* the latest that this writer began */
	_Atomic uint64_t switches; /* of auto-vacuum, done */
	_Atomic uint64_t lists; /* walks over all keys, verified */
};

struct complaint {
	_Atomic uint32_t complete;
	char text[316];
};

struct complaints {
	_Atomic uint64_t count;
	_Atomic uint64_t texts; /* how many of them came with one */
	struct complaint first[COMPLAINTS_KEPT];
};

struct share {
	_Atomic uint32_t gate; /* 1: open */
	_Atomic uint32_t stop;
	_Atomic uint64_t begun_ns; /* CLOCK_MONOTONIC */
	struct complaints failures; /* something is not as it was written */
	struct complaints errors; /* the run could not be done */
	struct tally tallies[]; /* as plan_workers(), then the leader */
};

/* Null without memory. Zeroes. */
struct share *share_new(uint64_t tallies);
void share_free(struct share *share, uint64_t tallies);

/* The moment of opening is when the run begins. */
void share_open_gate(struct share *share, uint64_t now_ns);
void share_wait_gate(struct share *share);

bool share_stopped(const struct share *share);
void share_stop(struct share *share);

/* Count one more of which enough was said. */
void share_fail_again(struct share *share);

/* Count, and keep the text if it is among the first. */
void share_fail(struct share *share, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, and stops all. */
void share_error(struct share *share, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

uint64_t complaints_count(const struct complaints *complaints);

/* The text of complaint @number, or null when there is none (yet). */
const char *complaints_text(
	const struct complaints *complaints, uint64_t number);

/* For the one writer of a counter. */
static inline void
tally_add(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter,
		atomic_load_explicit(counter, memory_order_relaxed) + more,
		memory_order_relaxed);
}

static inline uint64_t
tally_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
