/* SPDX-License-Identifier: Apache-2.0 */
#include "ttl.h"

#include <time.h>

/*
 * header.soonest is {seconds + 1, version}: nothing in the store expires
 * before; seconds 0: nothing expires at all. Who has published a value with a
 * time to live counts the version up, and so whoever has walked the table
 * meanwhile does not raise the bound over it.
 */
enum { VERSION_BITS = 30, SECONDS_BITS = 34 };
#define SECONDS_MAX ((UINT64_C(1) << SECONDS_BITS) - 2)
#define NS_PER_S UINT64_C(1000000000)

uint64_t
spli_time_ns(const spl_store *s)
{
	bool wall = s->features & SPLI_WALL_CLOCK;
	struct timespec now;

	clock_gettime(wall ? CLOCK_REALTIME : CLOCK_BOOTTIME, &now);
	uint64_t ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	if (!wall)
		return ns;
	/* Relaxed: a time, nothing hangs on it. */
	uint64_t floor = spli_load(&s->header->clock_floor);
	return ns > floor ? ns : floor;
}

void
spli_time_keep(spl_store *s, uint64_t expiry)
{
	uint64_t *floor = &s->header->clock_floor;
	uint64_t seen = spli_load(floor);

	if (!(s->features & SPLI_WALL_CLOCK))
		return;
	for (unsigned i = 0; seen < expiry && i < SPLI_TRIES; i++)
		if (spli_cas(floor, &seen, expiry))
			return;
}

uint64_t
spli_ttl_expiry(const spl_store *s, uint64_t ttl_ms)
{
	uint64_t now = spli_time_ns(s), expiry;

	if (__builtin_mul_overflow(ttl_ms, 1000000, &expiry) ||
		__builtin_add_overflow(expiry, now, &expiry) ||
		expiry / NS_PER_S > SECONDS_MAX)
		return 0;
	return expiry;
}

uint64_t
spli_ttl_left(const spl_store *s, uint64_t expiry)
{
	if (!expiry)
		return UINT64_MAX;
	uint64_t now = spli_time_ns(s);
	return expiry <= now ? 0 : (expiry - now - 1) / 1000000 + 1;
}

static uint64_t
bound(uint64_t seconds_plus_1, uint64_t former)
{
	uint64_t mask = (UINT64_C(1) << VERSION_BITS) - 1;

	return seconds_plus_1 << VERSION_BITS | ((former + 1) & mask);
}

void
spli_ttl_note(spl_store *s, uint64_t expiry)
{
	uint64_t *soonest = &s->header->soonest;

	/* Not even a look: most sets have none. */
	if (!expiry)
		return;
	uint64_t seen = spli_load(soonest), next;
	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		uint64_t mine = expiry / NS_PER_S + 1;
		uint64_t now = seen >> VERSION_BITS;
		if (mine > SECONDS_MAX + 1)
			mine = SECONDS_MAX + 1; /* no writer of ours */
		next = bound(now && now < mine ? now : mine, seen);
		if (spli_cas(soonest, &seen, next))
			return;
	}
}

/* Whether there may be something to reclaim. */
static bool
is_due(const spl_store *s)
{
	uint64_t seconds = spli_load(&s->header->soonest) >> VERSION_BITS;

	return seconds && seconds - 1 <= spli_time_ns(s) / NS_PER_S;
}

/*
 * What is in @slot, if it has a time to live: 1 it has expired, 0 it has not,
 * then with *@expiry.
 */
static int
look(const spl_store *s, uint64_t slot, uint64_t *expiry)
{
	struct spli_spot spot;
	int rc = spli_table_look(s, slot, NULL, &spot);

	*expiry = 0;
	if (rc != 1)
		return 0;
	uint64_t found = spli_load(&spot.block->expiry);
	spli_fence_acquire(); /* R3 */
	if (!spli_block_holds(s, spot.block, slot, spot.word))
		return 0; /* replaced just now: then it is noted */
	*expiry = found;
	return spli_expired(s, found);
}

int64_t
spli_reclaim(struct spli_lease *lease)
{
	spl_store *s = lease->store;
	uint64_t *soonest = &s->header->soonest;
	uint64_t seen = spli_load_acquire(soonest), least = 0;
	int64_t count = 0;

	if (!is_due(s))
		return 0;
	for (uint64_t slot = 0; slot < s->geo.entries; slot++) {
		uint64_t expiry;
		/* Half of the table is empty: no word, no look. */
		if (!spli_word_block(s, spli_load(&s->table[slot].word)))
			continue;
		int rc = look(s, slot, &expiry);
		if (rc)
			rc = spli_slot_reclaim(lease, slot);
		if (rc < 0)
			return rc;
		count += rc;
		/* Also when the clock was set back since the look. */
		if (!rc && expiry && (!least || expiry < least))
			least = expiry;
	}
	/* Fails when anything was noted meanwhile, which is as well. */
	spli_cas(soonest, &seen, bound(least ? least / NS_PER_S + 1 : 0, seen));
	return count;
}

int64_t
spl_reclaim(spl_store *s)
{
	struct spli_lease lease;

	if (!s)
		return -EINVAL;
	int64_t rc = spli_lease_take(s, &lease);
	if (rc)
		return rc;
	rc = spli_reclaim(&lease);
	spli_lease_drop(&lease);
	return spli_is_lost(s) ? -EIO : rc;
}
