/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "wait.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"
#include "swap.h"

enum {
	SPINS = 200, /* looks before sleeping: a few microseconds */
	LOOK_AGAIN_MS = 1000, /* a writer may have died before waking */
	READ_ONLY_STEP_MS = 2 /* who cannot set a flag looks this often */
};

/*
 * The flag is an event count (as in "eventcounts", Reed and Kanodia, 1979):
 * odd while somebody waits, one more with each wake. Who goes to sleep late
 * compares it in the kernel, and does not sleep when a wake was in between.
 * Sleeping on the slot's word, or on a mere flag, loses wake-ups: one that is
 * late clears what was set for the next change (test/model/wait.pml).
 */
static void
wake(uint32_t *flag)
{
	uint32_t odd = spli_load(flag);

	/* Relaxed would do: the fence before orders it. Who is faster than us
	 * wakes for both. */
	if ((odd & 1) && spli_cas(flag, &odd, odd + 1))
		syscall(SYS_futex, flag, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void
spli_structure_changed(spl_store *s)
{
	uint64_t *structure = &s->header->structure;

	/* Release: who has seen the new count finds the change. */
	spli_store_release(structure, spli_load(structure) + 1);
}

void
spli_announce(spl_store *s, uint64_t slot, bool structural)
{
	spli_feed_append(s, slot);
	/* Pairs with the full fence in sleep_on: either we see the flag, or he
	 * sees the word. */
	spli_fence_full();
	wake(&s->table[slot].waiters);
	if (structural)
		wake(&s->header->structure_waiters);
}

/* Sleep while *@word is @seen, until @until_ns at most. May wake for nothing. */
static void
sleep_on(const spl_store *s, const uint64_t *word, uint64_t seen,
	uint32_t *flag, uint64_t until_ns)
{
	uint64_t step = s->read_only ? READ_ONLY_STEP_MS : LOOK_AGAIN_MS;
	uint64_t look = spli_now_ns() + step * 1000000;

	if (look < until_ns)
		until_ns = look;
	uint32_t count = spli_load(flag);
	if (!s->read_only) {
		count = __atomic_fetch_or(flag, 1, __ATOMIC_RELAXED) | 1;
		/* Pairs with the one in spli_announce. */
		spli_fence_full();
	}
	if (spli_load(word) != seen)
		return;
	struct timespec at = {
		.tv_sec = (time_t)(until_ns / 1000000000),
		.tv_nsec = (long)(until_ns % 1000000000),
	};
	syscall(SYS_futex, flag, FUTEX_WAIT_BITSET, count, &at, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

static bool
spin_on(const uint64_t *word, uint64_t seen)
{
	for (unsigned i = 0; i < SPINS; i++) {
		if (spli_load(word) != seen)
			return true;
		spli_pause();
	}
	return false;
}

/* The epoch of a key, 0 when absent, and what to watch for it to change. */
static int
observe(spl_store *s, const struct spli_key *key, uint64_t *hint,
	uint64_t *epoch, uint64_t **word, uint64_t *seen, uint32_t **flag)
{
	struct spli_spot spot;
	struct spli_read read = {0};
	/* Acquire, and before the search: an insert that it misses counts up
	 * afterwards. Pairs with spli_structure_changed. */
	uint64_t structure = spli_load_acquire(&s->header->structure);
	int rc = spli_get(s, key, hint, &read, &spot);

	*epoch = 0;
	if (rc == -ENOENT) {
		*word = &s->header->structure;
		*seen = structure;
		*flag = &s->header->structure_waiters;
		return 0;
	}
	if (rc)
		return rc;
	*epoch = read.epoch;
	*word = &s->table[spot.slot].word;
	*seen = spot.word;
	*flag = &s->table[spot.slot].waiters;
	return 0;
}

int
spl_wait(spl_store *s, const char *text, uint64_t since, uint64_t timeout_ms,
	uint64_t *now)
{
	struct spli_key key;
	uint64_t epoch, seen, *word, hint = UINT64_MAX;
	uint32_t *flag;
	uint64_t until = 0; /* set once we know that we have to wait */
	int rc = s ? spli_key_make(&key, text) : -EINVAL;

	if (rc)
		return rc;
	for (;;) {
		rc = observe(s, &key, &hint, &epoch, &word, &seen, &flag);
		if (rc)
			return rc;
		if (now)
			*now = epoch;
		if (epoch != since)
			return 0;
		if (!timeout_ms || (until && spli_now_ns() >= until))
			return -ETIMEDOUT;
		if (!until) {
			until = timeout_ms < UINT64_MAX / 2000000
					? spli_now_ns() + timeout_ms * 1000000
					: UINT64_MAX;
			if (spin_on(word, seen))
				continue;
		}
		sleep_on(s, word, seen, flag, until);
	}
}
