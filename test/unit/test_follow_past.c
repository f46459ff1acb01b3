/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c - a feed that begins in the past, or follows what a dead writer left.
 */
#include <string.h>

#include "hear.h"
#include "victim.h"

static void
from_the_past(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);

	unit_set(s, "a", "");
	unit_set(s, "b", "");
	unit_set(s, "a", "");
	spl_feed *f = hear_since(s, 0);
	CHECK(hear(f, SPL_CHANGED, "a"), "from the beginning");
	CHECK(heard.epoch == 4 && heard.sequence == 1, "as it is now");
	CHECK(hear(f, SPL_CREATED, "b") && hear_nothing(f), "what is there");
	spl_feed_close(f);
	f = hear_since(s, 2);
	CHECK(hear(f, SPL_CHANGED, "a") && heard.sequence == 3 &&
			hear_nothing(f),
		"from then on");
	unit_set(s, "b", "");
	CHECK(hear(f, SPL_CHANGED, "b") && heard.sequence == 4,
		"what was known of others is known");
	spl_unset(s, "a");
	CHECK(hear(f, SPL_UNSET, "a") && heard.epoch == 4 && hear_nothing(f),
		"so it can be named");
	struct spl_feed_stat stat = hear_info(f);
	CHECK(stat.started == 2 && stat.seen == 3 && !stat.missed, "counted");
	spl_feed_close(f);
	f = hear_since(s, 5);
	CHECK(hear_nothing(f), "from just now");
	unit_set(s, "c", "");
	CHECK(hear(f, SPL_CREATED, "c") && hear_nothing(f), "on");
	spl_feed_close(f);
	unit_drop(s);
}

static void
from_too_far(uint32_t kind, bool one_key)
{
	spl_store *s = unit_store(kind, 8, 8);
	uint64_t len = s->geo.feed_len;
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.since = 1;
	o.key = one_key ? "a" : NULL;
	unit_set(s, "a", "");
	hear_lap(s, "b");
	spl_feed *f = hear_open(s, &o);
	CHECK(hear_missed(f, len + 1), "the ring does not reach back so far");
	if (one_key) {
		CHECK(hear(f, SPL_PRESENT, "a"), "then the key");
	} else {
		CHECK(spl_feed_read(f, &heard, 1, 0) == 1 &&
				heard.what == SPL_PRESENT,
			"then what there is");
		CHECK(spl_feed_read(f, &heard, 1, 0) == 1 &&
				heard.what == SPL_PRESENT,
			"all of it");
	}
	CHECK(hear_end(f) && heard.what == 0, "and the end");
	CHECK(hear_info(f).missed == len + 1 && hear_adds_up(f) &&
			hear_info(f).events == (one_key ? 3 : 4),
		"counted");
	spl_feed_close(f);
	o.since = 2;
	f = hear_open(s, &o);
	if (!one_key)
		CHECK(hear(f, SPL_CHANGED, "b") || heard.what == SPL_CREATED,
			"the oldest one that is there");
	CHECK(hear_nothing(f) && !hear_info(f).missed, "is told");
	spl_feed_close(f);
	unit_drop(s);
}

/* What went before the feed was opened. */
static void
nameless(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_feed_options o;

	unit_set(s, "a", "");
	unit_set(s, "gone", "");
	spl_unset(s, "gone");
	unit_set(s, "b", "");
	spl_feed *f = hear_since(s, 0);
	CHECK(hear(f, SPL_CREATED, "a"), "a key");
	CHECK(hear_missed(f, 1), "one that cannot be named");
	CHECK(hear(f, SPL_SYNCED, "") && hear(f, SPL_CREATED, "b") &&
			hear_nothing(f),
		"and on, without keys");
	CHECK(hear_info(f).missed == 1 && hear_adds_up(f), "counted");
	spl_feed_close(f);
	spl_feed_options_init(&o);
	o.since = 2;
	o.key = "gone";
	f = hear_open(s, &o);
	CHECK(hear(f, SPL_UNSET, "gone") && hear_nothing(f),
		"the one key is known");
	unit_set(s, "gone", "");
	CHECK(hear(f, SPL_CREATED, "gone") && hear_nothing(f), "it returns");
	spl_feed_close(f);
	o.key = "b";
	f = hear_open(s, &o);
	CHECK(spl_feed_read(f, &heard, 1, 0) == 1 &&
			(heard.what == SPL_MISSED || heard.what == SPL_CREATED),
		"another key");
	spl_feed_close(f);
	unit_drop(s);
}

/* Who goes on behind the last event is not told the same again. */
static void
merged_is_passed(const char *prefix)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_feed_options o;
	spl_feed *f;

	spl_feed_options_init(&o);
	o.since = 0;
	o.prefix = prefix;
	for (int i = 0; i < 3; i++) {
		unit_set(s, "a1", "");
		unit_set(s, "a2", "");
		unit_set(s, "other", "");
	}
	spl_unset(s, "other");
	f = hear_open(s, &o);
	while (spl_feed_read(f, &heard, 1, 0) == 1)
		o.since = heard.sequence;
	CHECK(o.since == 10 && hear_adds_up(f), "what brought nothing new");
	unit_set(s, "a3", "1");
	unit_set(s, "a3", "2");
	unit_set(s, "a1", "");
	unit_set(s, "a3", "3");
	CHECK(hear(f, SPL_CREATED, "a3") && heard.changes == 3 &&
			heard.sequence == 12,
		"each set counts, from the first");
	CHECK(hear(f, SPL_CHANGED, "a1") && heard.changes == 1 &&
			heard.sequence == 14,
		"the last event is that far");
	spl_unset(s, "a3");
	unit_set(s, "a3", "");
	unit_set(s, "a3", "");
	CHECK(hear(f, SPL_CHANGED, "a3") && heard.changes == 2,
		"or since it was absent");
	spl_feed_close(f);
	f = hear_open(s, &o);
	while (spl_feed_read(f, &heard, 1, 0) == 1)
		o.since = heard.sequence;
	spl_feed_close(f);
	f = hear_open(s, &o);
	CHECK(hear_nothing(f), "is behind who goes on");
	spl_feed_close(f);
	unit_drop(s);
}

/* A reader that ends and begins again with the sequence of its last event. */
static void
begun_again(void)
{
	enum { KEYS = 40, CHANGES = 600 };
	spl_store *s = unit_store(TEST_KIND, KEYS, 16);
	uint64_t random = tap_seed(), epochs[KEYS] = {0}, since = 0;
	unsigned wrong = 0, opened = 0;
	char key[8];

	for (int i = 0; i < CHANGES; i++) {
		unit_text(key, sizeof key, "%u",
			(unsigned)(tap_random(&random) % KEYS));
		unit_set(s, key, "");
		if (tap_random(&random) % 8)
			continue;
		spl_feed *f = hear_since(s, since);
		opened++;
		/* Now and then not all of it. */
		unsigned stop = (unsigned)(tap_random(&random) % 20);
		while (stop-- && spl_feed_read(f, &heard, 1, 0) == 1) {
			wrong += !(heard.what & (SPL_CREATED | SPL_CHANGED));
			wrong += heard.sequence <= since;
			wrong += heard.epoch < epochs[atoi(heard.key)];
			epochs[atoi(heard.key)] = heard.epoch;
			since = heard.sequence;
		}
		wrong += !hear_adds_up(f);
		spl_feed_close(f);
	}
	spl_feed *f = hear_since(s, since);
	while (spl_feed_read(f, &heard, 1, 0) == 1)
		epochs[atoi(heard.key)] = heard.epoch;
	for (int i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "%d", i);
		wrong += epochs[i] != unit_epoch(s, key);
	}
	CHECK(!wrong, "%u readers, each from where the last one was", opened);
	spl_feed_close(f);
	unit_drop(s);
}

/* Whatever a dead writer has done or announced: told once. */
static void
dead_writers(enum spli_kind kind, const char *what)
{
	uint32_t want = kind == SPLI_UPDATE   ? SPL_CHANGED
			: kind == SPLI_INSERT ? SPL_CREATED
					      : SPL_UNSET;
	unsigned wrong = 0, told = 0;
	bool died = true;
	int at = 0;

	for (; died; at++) {
		spl_store *s = unit_store(TEST_KIND, 8, 64);
		struct victim v = {
			.name = unit_name_of(s), .kind = kind, .steps = at};
		if (kind != SPLI_INSERT)
			unit_set(s, VICTIM_KEY, VICTIM_OLD);
		spl_feed *feeds[2] = {hear_open(s, NULL), hear_open(s, NULL)};
		unit_board_clear();
		struct unit_child c = unit_fork(victim_open_and_run, &v);
		died = unit_join(&c) < 0;
		/* One reads what is announced before the repair. */
		bool before = spl_feed_read(feeds[0], &heard, 1, 0) == 1;
		wrong += before && heard.what != want;
		spl_close(unit_again(s, 0));
		bool published = unit_posted(VICTIM_PUBLISHED);
		if (published && !before)
			wrong += !hear(feeds[0], want, VICTIM_KEY);
		if (published)
			wrong += !hear(feeds[1], want, VICTIM_KEY);
		wrong += !hear_nothing(feeds[0]) || !hear_nothing(feeds[1]);
		told += published;
		spl_feed_close(feeds[0]);
		spl_feed_close(feeds[1]);
		unit_drop(s);
	}
	CHECK(!wrong && told, "%s, %d deaths: told once, %u times", what, at,
		told);
}

void
test_follow_past(void)
{
	for (int i = 0; i < 2; i++) {
		from_the_past(unit_kinds[i]);
		from_too_far(unit_kinds[i], false);
		from_too_far(unit_kinds[i], true);
	}
	merged_is_passed(NULL);
	merged_is_passed("a");
	nameless();
	begun_again();
	dead_writers(SPLI_UPDATE, "update");
	dead_writers(SPLI_INSERT, "insert");
	dead_writers(SPLI_UNSET, "unset");
}
