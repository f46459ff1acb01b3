/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h - a feed: a cursor over the ring of changes, and a memory of the
 * keys it follows.
 *
 * What it does with an event, by what the event says of its slot:
 *
 *   a value was put in  the key that is in the slot now is told, unless this
 *                       epoch of it was told before
 *   a key went          each key that is remembered to be in the slot and is
 *                       not there now is told to have gone, and forgotten
 *
 * Both look at the slot after the event was read, so what they find may be
 * newer than the event (then a later one brings nothing new), never older
 * (F1). Inserts and unsets stand in the ring in their order (F3), and the
 * memory has each key once: so a key that went from one slot and came back in
 * another is told to have gone first, or is told as changed.
 *
 * A feed is used by one thread, and, once it has a descriptor, by the
 * notifier's; its lock is for these two.
 */
#ifndef SPLI_CURSOR_H
#define SPLI_CURSOR_H

#include "feed.h"
#include "filter.h"
#include "memory.h"
#include "wait.h"

/* Bytes that grow and are thrown away together. */
struct spli_arena {
	char *bytes;
	size_t len, room;
};

enum spli_feed_phase {
	SPLI_LIVE,
	SPLI_SNAPSHOT, /* walking over the table, telling all */
	SPLI_CATCH_UP, /* the same, telling what differs */
	SPLI_LEFT_OVER, /* telling what the walk has not met */
	SPLI_END_OF_WALK
};

struct spl_feed {
	spl_store *store;
	bool closed; /* that one was: it is not there any more */
	spl_feed *next, *prev; /* all of the store's */
	struct spli_filter filter;
	bool has_key; /* just this one */
	struct spli_key key;
	char text[SPLI_KEY_SIZE];
	bool values;

	uint64_t n; /* the sequence to read next, from 0 */
	uint64_t cell; /* what its cell was when there was nothing in it */
	uint64_t past; /* sequences before it were made before the opening */
	bool past_missed; /* and some of them were missed */
	bool more; /* the last pull ended early: no wait */
	bool learning; /* of a past: what has expired since as well */
	bool in_cell; /* of the cell at n something has been told */
	uint64_t started, seen, missed, events;
	uint64_t untold; /* of the missed ones */
	struct spli_memory memory;

	enum spli_feed_phase phase;
	uint32_t walk; /* number of the last walk over the table */
	uint64_t walk_slot; /* where it is; of left overs, the bucket */

	struct spli_arena values_now; /* of the events just read */

	/* See notify.c. */
	int fd; /* -1: none */
	bool ready; /* the descriptor is readable */
	bool linked; /* the store had a name, as far as was said */
	bool removed; /* it has none any more: to be said */
	bool has_next; /* an event looked at ahead: */
	struct spl_event next_event;
	struct spli_arena next_value;
	pthread_mutex_t mutex;
};

/*
 * spli_feed_pull - the next event: 1; 0, there is none yet; -ENOMEM, nothing is
 * lost. A value goes into @values, where event.value is its offset plus 1
 * until the arena stands still. Bounded; does not wait.
 */
int spli_feed_pull(
	spl_feed *f, struct spl_event *event, struct spli_arena *values);

/* Know all keys that there are, without telling them. -ENOMEM. */
int spli_feed_learn(spl_feed *f, bool past);
/* Tell them first. */
void spli_feed_begin_snapshot(spl_feed *f);
/* A value of @len bytes more. */
int spli_arena_reserve(struct spli_arena *a, size_t more);

/* What to watch for the next event to come. */
static inline struct spli_watch
spli_feed_watch(const spl_feed *f)
{
	return (struct spli_watch){spli_feed_cell(f->store, f->n), f->cell,
		&f->store->feed->waiters};
}

/* When the next key of the feed expires, in the store's time; 0: never. */
static inline uint64_t
spli_feed_expiry(const spl_feed *f)
{
	const struct spli_known *first = spli_memory_first(&f->memory);

	return first ? first->expiry : 0;
}

#endif
