/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.h - the ring of changes. Its tail counts every change ever made: the
 * store's epoch.
 *
 * Lettered rules, with test/model/feed.pml:
 *
 *  F1  what happened is published before it is appended
 *  F2  an event is one compare-and-swap of the tail's cell, from the mark of
 *      the lap before to its own; anyone may move the tail on over a filled
 *      cell, which he has acquired, so a writer who dies leaves no hole
 *  F3  inserts and unsets are appended before the claim is let go: in the
 *      ring they stand in the order in which they happened (but for what is
 *      appended a second time, after a death)
 *  F4  a reader believes the cell, not the tail
 */
#ifndef SPLI_FEED_H
#define SPLI_FEED_H

#include "store.h"

/* Append: @happened in @slot (F2). */
void spli_feed_append(spl_store *s, uint64_t slot, enum spli_happened happened);

/* How many changes there have been: the sequence of the next, from 0. */
static inline uint64_t
spli_feed_tail(const spl_store *s)
{
	/* Acquire: pairs with who moved it on. What happened in all events
	 * before it is seen. */
	return spli_load_acquire(&s->feed->tail);
}

/* The cell of event @n. */
static inline const uint64_t *
spli_feed_cell(const spl_store *s, uint64_t n)
{
	return &s->feed->cells[n & (s->geo.feed_len - 1)];
}

enum spli_cell_state {
	SPLI_CELL_EMPTY, /* event @n has not been appended yet */
	SPLI_CELL_FILLED,
	SPLI_CELL_OVERWRITTEN /* by a later lap, or by garbage */
};

struct spli_cell {
	uint64_t slot; /* bounded */
	enum spli_happened happened;
};

/* What @raw, loaded with acquire from the cell of event @n, says. */
enum spli_cell_state spli_cell_read(
	const spl_store *s, uint64_t n, uint64_t raw, struct spli_cell *cell);

#endif
