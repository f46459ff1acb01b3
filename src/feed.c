/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

/* Bits of a cell behind the sequence, which has the rest and wraps. */
static unsigned
low_bits(const spl_store *s)
{
	return 64 - s->geo.generation_bits + SPLI_HAPPENED_BITS;
}

static unsigned
slot_bits(const spl_store *s)
{
	return low_bits(s) - SPLI_HAPPENED_BITS;
}

/* What a cell says of sequence @n: n + 1, so that 0 is "never filled". */
static uint64_t
sequence_mark(const spl_store *s, uint64_t n)
{
	return (n + 1) & (UINT64_MAX >> low_bits(s));
}

/* What the cell of @n says before @n is appended. */
static uint64_t
former_mark(const spl_store *s, uint64_t n)
{
	uint64_t len = s->geo.feed_len;

	return n < len ? 0 : sequence_mark(s, n - len);
}

/*
 * Whether a mark may be that of a later event, as the sequence has wrapped. Up
 * to a million slots it has bits for days of nothing but changes, and the
 * tail's line, which every writer writes, is left alone.
 */
static bool
has_come_round(const spl_store *s, uint64_t n)
{
	enum { BITS_ENOUGH = 40 };

	return 64 - low_bits(s) < BITS_ENOUGH &&
	       (int64_t)(spli_feed_tail(s) - n) > (int64_t)s->geo.feed_len;
}

enum spli_cell_state
spli_cell_read(
	const spl_store *s, uint64_t n, uint64_t raw, struct spli_cell *cell)
{
	uint64_t mark = raw >> low_bits(s);
	uint64_t slot = raw & ((UINT64_C(1) << slot_bits(s)) - 1);
	uint64_t happened =
		raw >> slot_bits(s) & ((UINT64_C(1) << SPLI_HAPPENED_BITS) - 1);

	if (mark == former_mark(s, n))
		return SPLI_CELL_EMPTY;
	if (mark != sequence_mark(s, n) || slot >= s->geo.entries ||
		happened > SPLI_EXPIRED_THERE || has_come_round(s, n))
		return SPLI_CELL_OVERWRITTEN;
	*cell = (struct spli_cell){slot, (enum spli_happened)happened};
	return SPLI_CELL_FILLED;
}

void
spli_feed_append(spl_store *s, uint64_t slot, enum spli_happened happened)
{
	uint64_t *tail = &s->feed->tail;
	uint64_t len = s->geo.feed_len;
	uint64_t event = (uint64_t)happened << slot_bits(s) | slot;

	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		/* Acquire: pairs with the release half of who moved the tail
		 * on. The cell of the lap before is then seen filled. */
		uint64_t n = spli_load_acquire(tail);
		uint64_t *at = &s->feed->cells[n & (len - 1)];
		uint64_t cell = spli_load_acquire(at);
		uint64_t mark = sequence_mark(s, n);
		bool filled = cell >> low_bits(s) == mark;
		if (!filled) {
			if (cell >> low_bits(s) != former_mark(s, n))
				continue; /* the tail has moved, look again */
			/* F1, release: what happened is seen by who sees the
			 * event. */
			filled = spli_cas(
				at, &cell, mark << low_bits(s) | event);
			if (filled) {
				spli_cas(tail, &n, n + 1);
				return;
			}
			/* A failed swap has acquired nothing: the tail must not
			 * be moved over what we do not see. */
			spli_fence_acquire();
		}
		spli_cas(tail, &n, n + 1); /* help on who was here first */
	}
	/* Garbage in the ring: the event is lost, waiters are woken anyway. */
}
