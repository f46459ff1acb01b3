/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c - step by step: how many changes are counted, how far an event's
 * sequence is, keys that follow one another in one slot, and what is left over
 * when a feed has to begin anew.
 */
#include "cursor.h"

#include <stdlib.h>
#include <string.h>

#include "hear.h"
#include "hook.h"

/* The next name from @n on that is at home in @home, of @count. */
static unsigned
name_at(char *key, unsigned n, uint64_t home, uint64_t count)
{
	size_t len;

	do
		len = unit_text(key, SPLI_KEY_SIZE, "%u", n++);
	while (spli_hash_home(spli_hash(key, len), count) != home);
	return n;
}

/* Two names that get the same slot, one after the other. */
static void
two_names(const spl_store *s, char *x, char *y)
{
	name_at(y, name_at(x, 0, 0, s->geo.entries), 0, s->geo.entries);
}

/* Both are remembered in a slot that is empty when the first end is read. */
static void
two_went_from_one_slot(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	char x[SPLI_KEY_SIZE], y[SPLI_KEY_SIZE];

	two_names(s, x, y);
	unit_set(s, x, "");
	spl_feed *f = hear_open(s, NULL);
	unit_set(s, x, "");
	spl_unset(s, x);
	unit_set(s, y, "");
	CHECK(hear(f, SPL_CREATED, y), "the second key");
	spl_unset(s, y);
	CHECK(hear(f, SPL_UNSET, y) && heard.sequence == 3, "the end of both");
	CHECK(hear(f, SPL_UNSET, x) && heard.sequence == 3,
		"is told where the first one's was read");
	CHECK(hear_nothing(f) && hear_adds_up(f) && !hear_info(f).keys,
		"and no other");
	spl_feed_close(f);
	unit_drop(s);
}

/* A cell says of a slot what was told; the memory has another key first. */
static void
told_behind_another(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	char x[SPLI_KEY_SIZE], y[SPLI_KEY_SIZE], z[SPLI_KEY_SIZE];

	two_names(s, x, y);
	name_at(z, 0, s->geo.entries / 2, s->geo.entries);
	unit_set(s, y, "");
	spl_feed *f = hear_open(s, NULL);
	unit_set(s, y, "");
	unit_set(s, z, "");
	unit_set(s, y, "");
	unit_set(s, y, "");
	spl_unset(s, y);
	unit_set(s, x, "");
	CHECK(hear(f, SPL_CREATED, x), "another key in its slot");
	spl_unset(s, x);
	unit_set(s, y, "");
	CHECK(hear(f, SPL_CREATED, z) && hear(f, SPL_CHANGED, y) &&
			heard.sequence == 4,
		"it is back");
	CHECK(hear(f, SPL_UNSET, x) && hear_nothing(f), "the other one went");
	CHECK(hear_adds_up(f) && !hear_info(f).behind, "all cells were read");
	spl_feed_close(f);
	unit_drop(s);
}

/* What is damaged has no key to tell. */
static void
damaged_slot(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_open(s, NULL);

	unit_set(s, "k", "");
	hook_set(HOOK_spli_slot_read, (struct hook){.error = EBADMSG});
	CHECK(hear_nothing(f) && hook_end(HOOK_spli_slot_read) == 1 &&
			!hear_info(f).keys,
		"nothing is told of a damaged slot");
	spl_feed_close(f);
	unit_drop(s);
}

/* Sets that lead to what is told. */
static void
changes_are_counted(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);

	unit_set(s, "a", "");
	spl_feed *f = hear_since(s, 0);
	CHECK(hear(f, SPL_CREATED, "a") && heard.changes == 1,
		"one, in the last cell of the past");
	spl_feed_close(f);
	unit_set(s, "b", "");
	unit_set(s, "a", "");
	f = hear_since(s, 0);
	CHECK(hear(f, SPL_CHANGED, "a") && heard.changes == 1,
		"one, of a past that nobody has counted");
	unit_set(s, "a", "");
	unit_set(s, "a", "");
	CHECK(hear(f, SPL_CREATED, "b") && hear(f, SPL_CHANGED, "a") &&
			heard.changes == 2 && hear_nothing(f),
		"each since it was told, also while the past is read");
	for (int i = 0; i < 10; i++)
		unit_set(s, "high", "");
	CHECK(hear(f, SPL_CREATED, "high") && heard.changes == 10, "another");
	unit_set(s, "a", "");
	spl_unset(s, "a");
	spl_unset(s, "high");
	unit_set(s, "a", "");
	unit_set(s, "a", "");
	CHECK(hear(f, SPL_CHANGED, "a") && heard.changes == 2,
		"since it was absent, wherever its epoch went on");
	spl_feed_close(f);
	unit_drop(s);
}

/* An event's sequence is behind what follows and has nothing to tell. */
static void
sequences_go_far(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.prefix = "p/";
	hear_lap(s, "q");
	o.since = s->geo.feed_len + 1;
	unit_set(s, "p/a", "");
	spl_feed *f = hear_open(s, &o);
	spl_unset(s, "q");
	unit_set(s, "r", "");
	spl_unset(s, "r");
	CHECK(hear(f, SPL_CREATED, "p/a") && heard.sequence == o.since + 4 &&
			hear_nothing(f) && hear_adds_up(f),
		"sets and unsets, in a ring's second lap");
	spl_feed_close(f);
	unit_drop(s);
}

/* The one key that is followed went in the last cell before the opening. */
static void
the_one_went_last(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.since = 1;
	o.key = "k";
	unit_set(s, "k", "");
	spl_unset(s, "k");
	spl_feed *f = hear_open(s, &o);
	CHECK(hear(f, SPL_UNSET, "k") && hear_nothing(f), "just before");
	spl_feed_close(f);
	unit_drop(s);
}

/* Keys of which some were set before the opening, whatever their bucket. */
static void
past_in_the_first_bucket(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_open(s, NULL);
	char key[SPLI_KEY_SIZE];

	name_at(key, 0, 0, f->memory.buckets);
	spl_feed_close(f);
	unit_set(s, key, "");
	f = hear_since(s, 0);
	CHECK(hear(f, SPL_CREATED, key) && hear_nothing(f), "is told");
	spl_feed_close(f);
	/* Its memory, its buckets, then what it has to know. */
	hook_set(HOOK_calloc, (struct hook){.skip = 2, .error = ENOMEM});
	CHECK_RC(spl_feed_open(s, NULL, &f), -ENOMEM);
	CHECK(hook_end(HOOK_calloc) == 1, "or the feed is not opened");
	unit_drop(s);
}

/* Whatever bucket a key that went is remembered in. */
static void
left_over_in_the_first_bucket(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_open(s, NULL);
	char key[SPLI_KEY_SIZE];

	name_at(key, 0, 0, f->memory.buckets);
	unit_set(s, key, "");
	CHECK(hear(f, SPL_CREATED, key), "a key");
	spl_unset(s, key);
	hear_lap(s, "other");
	CHECK(hear_missed(f, s->geo.feed_len + 2) &&
			hear(f, SPL_CREATED, "other") &&
			hear(f, SPL_UNSET, key) && hear_end(f),
		"its end is told");
	spl_feed_close(f);
	unit_drop(s);
}

/* Of a past that was not read before it was gone. */
static void
missed_the_past(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	unit_set(s, "l", "");
	spl_feed *f = hear_since(s, 0);
	hear_lap(s, "k");
	CHECK(hear_missed(f, s->geo.feed_len + 2), "missed");
	unsigned k = 0, l = 0, events = 0;
	for (; spl_feed_read(f, &heard, 1, 0) == 1; events++) {
		k += !strcmp(heard.key, "k");
		l += !strcmp(heard.key, "l");
	}
	CHECK(k == 1 && l == 1 && events == 3,
		"what may have come then is told, as it is");
	spl_feed_close(f);
	unit_drop(s);
}

/* What had expired before the opening, and what expired behind it. */
static void
expired_in_the_past(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	spl_set_ttl(s, "k", "", 0, 1);
	until_expired(s, "k");
	spl_feed *f = hear_since(s, 0);
	CHECK(hear(f, SPL_CREATED, "k") && hear(f, SPL_EXPIRED, "k") &&
			hear_nothing(f),
		"has an end");
	spl_set_ttl(s, "l", "", 0, 1);
	until_expired(s, "l");
	hear_lap(s, "other");
	CHECK(hear_missed(f, s->geo.feed_len + 2) &&
			hear(f, SPL_CREATED, "other") && hear_end(f),
		"what came and ended while it was behind has none");
	spl_feed_close(f);
	unit_drop(s);
}

/* Behind just after one end was told: the next is not slept over. */
static void
behind_after_an_end(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);
	bool told = false;

	for (uint64_t ttl_ms = 20; !told; ttl_ms *= 2) {
		unit_set(s, "a", "");
		spl_set_ttl(s, "b", "", 0, ttl_ms);
		while (spl_feed_read(f, &heard, 1, 0) == 1)
			;
		spl_unset(s, "a");
		bool unset = spl_feed_read(f, &heard, 1, 0) == 1 &&
			     heard.what == SPL_UNSET;
		hear_lap(s, "other");
		while (spl_feed_read(f, &heard, 1, 0) == 1 &&
			heard.what != SPL_SYNCED)
			;
		told = unset && heard.what == SPL_SYNCED &&
		       hear_info(f).keys == 2;
	}
	until_expired(s, "b");
	CHECK(hear(f, SPL_EXPIRED, "b") && hear_nothing(f), "an end");
	spl_feed_close(f);
	unit_drop(s);
}

/* A tail that goes back is no writer's. */
static void
tail_that_went_back(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	for (int i = 0; i < 3; i++)
		unit_set(s, "k", "");
	spl_feed *f = hear_open(s, NULL);
	spli_store(&s->feed->tail, 1);
	spli_store(&s->feed->cells[3], UINT64_MAX);
	CHECK(hear_missed(f, 0) && hear(f, SPL_SYNCED, "") &&
			!hear_info(f).missed,
		"nothing is counted as missed");
	spl_feed_close(f);
	unit_drop(s);
}

/* It expired, and was set again before anybody has read. */
static void
back_behind_its_end(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);

	for (uint64_t ttl_ms = 20;; ttl_ms *= 2) {
		spl_set_ttl(s, "k", "", 0, ttl_ms);
		if (spl_feed_read(f, &heard, 1, 0) == 1)
			break;
	}
	until_expired(s, "k");
	unit_set(s, "k", "");
	CHECK(hear(f, SPL_CHANGED, "k") && hear_nothing(f),
		"it is not told to have gone");
	spl_feed_close(f);
	unit_drop(s);
}

/* Room for a last value, which may have to be made first. */
static void
last_value_without_memory(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_flags(s, SPL_FEED_VALUES);
	struct spli_arena fresh = {0};
	struct spl_event event;

	spl_set_ttl(s, "k", "last", 4, 3600000);
	CHECK(hear_value(f, SPL_CREATED, "k", "last"), "a value");
	spl_expire(s, "k", 1);
	until_expired(s, "k");
	spl_reclaim(s);
	hook_set(HOOK_realloc, (struct hook){.error = ENOMEM});
	CHECK_RC(spli_feed_pull(f, &event, &fresh), -ENOMEM);
	CHECK(hook_end(HOOK_realloc) == 1 &&
			hear_value(f, SPL_EXPIRED, "k", "last") &&
			hear_nothing(f),
		"is told when there is memory");
	spl_feed_close(f);
	unit_drop(s);
}

/* Each has the room that was asked for. */
static void
arenas(void)
{
	struct spli_arena a = {0};
	unsigned wrong = 0;

	for (size_t more = 4000; more < 100000; more += 1001) {
		wrong += spli_arena_reserve(&a, more) != 0;
		wrong += a.room - a.len < more;
		a.len += more;
	}
	CHECK(!wrong, "an arena grows");
	free(a.bytes);
}

void
test_cursor(void)
{
	two_went_from_one_slot();
	told_behind_another();
	damaged_slot();
	changes_are_counted();
	sequences_go_far();
	the_one_went_last();
	past_in_the_first_bucket();
	left_over_in_the_first_bucket();
	missed_the_past();
	expired_in_the_past();
	behind_after_an_end();
	tail_that_went_back();
	back_behind_its_end();
	last_value_without_memory();
	arenas();
}
