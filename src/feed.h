/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.h - the ring of changes. Its tail counts every change ever made: the
 * store's epoch.
 */
#ifndef SPLI_FEED_H
#define SPLI_FEED_H

#include "store.h"

/*
 * Say that @slot changed. One compare-and-swap puts the event into the tail's
 * cell, anyone moves the tail on, so a writer who dies here leaves no hole.
 */
void spli_feed_append(spl_store *s, uint64_t slot);

/* The sequence of the next event. */
static inline uint64_t
spli_feed_tail(const spl_store *s)
{
	return spli_load_acquire(&s->feed->tail);
}

#endif
