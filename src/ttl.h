/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttl.h - time to live: the store's clock, and reclaiming what has expired.
 *
 * A block says when its value expires. From then on its key is absent, for
 * whoever looks; the slot keeps it until somebody reclaims it, by a set (an
 * ordinary update, of the word that was seen) or by an unset of that word.
 */
#ifndef SPLI_TTL_H
#define SPLI_TTL_H

#include "swap.h"
#include "writer.h"

/*
 * The store's time in nanoseconds: CLOCK_BOOTTIME; in files CLOCK_REALTIME, but
 * never before what a writer has acted upon, should the clock be set back.
 */
uint64_t spli_time_ns(const spl_store *s);

static inline bool
spli_expired(const spl_store *s, uint64_t expiry)
{
	return expiry && expiry <= spli_time_ns(s);
}

/* A writer treats what expires at @expiry as gone: for good. */
void spli_time_keep(spl_store *s, uint64_t expiry);

/* When a value of @ttl_ms from now expires; 0: never. */
uint64_t spli_ttl_expiry(const spl_store *s, uint64_t ttl_ms);
/* And back, rounded up; UINT64_MAX: never. */
uint64_t spli_ttl_left(const spl_store *s, uint64_t expiry);

/* A value that expires then (0: never) has been published. */
void spli_ttl_note(spl_store *s, uint64_t expiry);

/*
 * Remove all that has expired; how many that were, or as spli_unset. The lease
 * is held, the claim is not.
 */
int64_t spli_reclaim(struct spli_lease *lease);

#endif
