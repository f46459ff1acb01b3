/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

/* Bits of a cell that hold the slot; the sequence has the rest and wraps. */
static unsigned
slot_bits(const spl_store *s)
{
	return 64 - s->geo.generation_bits;
}

static uint64_t
cell_sequence(const spl_store *s, uint64_t cell)
{
	return cell >> slot_bits(s);
}

/* What a cell says of sequence @n: n + 1, so that 0 is "never filled". */
static uint64_t
sequence_mark(const spl_store *s, uint64_t n)
{
	return (n + 1) & (UINT64_MAX >> slot_bits(s));
}

void
spli_feed_append(spl_store *s, uint64_t slot)
{
	uint64_t *tail = &s->feed->tail;
	uint64_t len = s->geo.feed_len;

	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		/* Acquire: pairs with the release half of who moved the tail
		 * on. The cell of the lap before is then seen filled. */
		uint64_t n = spli_load_acquire(tail);
		uint64_t *at = &s->feed->cells[n & (len - 1)];
		uint64_t cell = spli_load_acquire(at);
		uint64_t mark = sequence_mark(s, n);
		bool filled = cell_sequence(s, cell) == mark;
		if (!filled) {
			uint64_t lap = n < len ? 0 : sequence_mark(s, n - len);
			if (cell_sequence(s, cell) != lap)
				continue; /* the tail has moved, look again */
			/* Release: what happened is seen by who sees the
			 * event. */
			filled = spli_cas(
				at, &cell, mark << slot_bits(s) | slot);
			if (filled) {
				spli_cas(tail, &n, n + 1);
				return;
			}
		}
		spli_cas(tail, &n, n + 1); /* help on who was here first */
	}
	/* Garbage in the ring: the event is lost, waiters are woken anyway. */
}
