/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hear.h - what a feed tells, event by event.
 */
#ifndef UNIT_HEAR_H
#define UNIT_HEAR_H

#include "unit.h"

/* The event that was read last; what is 0 if there was none. */
extern struct spl_event heard;

/* A feed of these options, or the end of the program; null for all. */
spl_feed *hear_open(spl_store *store, const struct spl_feed_options *options);
spl_feed *hear_flags(spl_store *store, uint32_t flags);
/* All keys, from sequence @since on. */
spl_feed *hear_since(spl_store *store, uint64_t since);

/* Whether the next event, which is there already, is just this one. */
bool hear(spl_feed *feed, uint32_t what, const char *key);
/* The same with a value. */
bool hear_value(
	spl_feed *feed, uint32_t what, const char *key, const char *text);
/* The same, and it may still have to come. */
bool hear_soon(spl_feed *feed, uint32_t what, const char *key);
/* Whether there is nothing to tell now. */
bool hear_nothing(spl_feed *feed);
/* Whether a feed's descriptor is readable, or becomes so. */
bool hear_readable(int fd, int timeout_ms);
/* SPL_SYNCED and nothing behind it. */
bool hear_end(spl_feed *feed);

/* SPL_MISSED, just so many. */
bool hear_missed(spl_feed *feed, uint64_t count);
/* Change a key one time more than the ring has room for. */
void hear_lap(spl_store *store, const char *key);

/* What spl_feed_info says, or all ones. */
struct spl_feed_stat hear_info(spl_feed *feed);
/* Whether it adds up: seen + missed is sequence - started. */
bool hear_adds_up(spl_feed *feed);

/* Until the key is absent because its time is over. */
void until_expired(spl_store *store, const char *key);

#endif
