/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c, cursor.c - what a feed tells, of which keys, and in which order.
 */
#include <string.h>

#include "hear.h"

static void
each_kind_of_change(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 32);

	unit_set(s, "a", "1");
	spl_feed *f = hear_open(s, NULL);
	CHECK(hear_nothing(f), "what was there before is not told");
	unit_set(s, "a", "22");
	CHECK(hear(f, SPL_CHANGED, "a"), "a change");
	CHECK(heard.epoch == 4 && heard.len == 2 && heard.changes == 1 &&
			heard.sequence == 2 && !heard.value,
		"with epoch, length, sequence, and no value");
	CHECK(hear_nothing(f), "once");
	unit_set(s, "b", "");
	CHECK(hear(f, SPL_CREATED, "b"), "a creation");
	CHECK(heard.epoch == 2 && !heard.len && heard.changes == 1 &&
			heard.sequence == 3,
		"with the same");
	spl_unset(s, "a");
	CHECK(hear(f, SPL_UNSET, "a"), "a removal");
	CHECK(heard.epoch == 4 && heard.len == 2 && heard.sequence == 4,
		"with epoch and length of the last value");
	unit_set(s, "a", "back");
	CHECK(hear(f, SPL_CREATED, "a") && heard.epoch == 6, "it returns");
	spl_set_ttl(s, "a", "for a moment", 12, 1);
	until_expired(s, "a");
	CHECK(hear(f, SPL_CHANGED, "a") && heard.epoch == 8, "a short life");
	CHECK(hear_soon(f, SPL_EXPIRED, "a"), "its time is over");
	CHECK(heard.epoch == 8 && heard.len == 12 && hear_nothing(f),
		"with the same");
	spl_add(s, "n", 5, NULL);
	CHECK(hear(f, SPL_CREATED, "n"), "by add");
	spl_append(s, "n", "1", 1, NULL);
	CHECK(hear(f, SPL_CHANGED, "n") && heard.len == 2, "by append");
	spl_expire(s, "n", 100000);
	CHECK(hear(f, SPL_CHANGED, "n") && heard.len == 2, "by expire");
	spl_set_if(s, "n", "", 0, heard.epoch, NULL);
	CHECK(hear(f, SPL_CHANGED, "n") && !heard.len, "by set_if");
	unit_set(s, "n", "longer than the thirty-two it may be");
	spl_unset(s, "none");
	spl_set_if(s, "n", "", 0, 2, NULL);
	CHECK(hear_nothing(f), "what fails is not told");
	spl_feed_close(f);
	unit_drop(s);
}

/* What cannot be told any more is left out, and counted. */
static void
merged(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_event events[8];

	unit_set(s, "a", "1");
	spl_feed *f = hear_open(s, NULL);
	for (int i = 0; i < 5; i++)
		unit_set(s, "a", "");
	unit_set(s, "b", "");
	CHECK_RC(spl_feed_read(f, events, 8, 0), 2);
	CHECK(events[0].what == SPL_CHANGED && !strcmp(events[0].key, "a") &&
			events[0].epoch == 12 && events[0].changes == 5,
		"five changes are told as the last one");
	CHECK(events[1].what == SPL_CREATED && !strcmp(events[1].key, "b"),
		"then another key");
	CHECK(hear_nothing(f), "and no more");
	unit_set(s, "c", "");
	spl_unset(s, "c");
	CHECK(hear_nothing(f), "nothing of a key that came and went");
	spl_unset(s, "a");
	unit_set(s, "a", "");
	CHECK(spl_feed_read(f, events, 8, 0) >= 1, "removed and back");
	int last = 0;
	while (last < 2 && events[last].what == SPL_UNSET)
		last++;
	CHECK(events[last].epoch == unit_epoch(s, "a") &&
			events[last].changes == 1,
		"one set, however far the epoch went");
	struct spl_feed_stat stat = hear_info(f);
	CHECK(stat.behind == 0 && stat.sequence == 11 && stat.started == 1 &&
			stat.seen == 10 && !stat.missed && stat.keys == 2,
		"all sequences were seen");
	spl_feed_close(f);
	unit_drop(s);
}

static void
in_order(void)
{
	enum { KEYS = 300 };
	spl_store *s = unit_store(TEST_KIND, KEYS, 8);
	spl_feed *f = hear_open(s, NULL);
	uint64_t random = tap_seed(), sequence = 0;
	unsigned order[KEYS], wrong = 0;
	char key[16];

	for (unsigned i = 0; i < KEYS; i++) {
		unsigned other = (unsigned)(tap_random(&random) % (i + 1));
		order[i] = order[other];
		order[other] = i;
	}
	for (unsigned i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "%u", order[i]);
		wrong += unit_set(s, key, "") != 0;
	}
	for (unsigned i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "%u", order[i]);
		wrong += !hear(f, SPL_CREATED, key);
		wrong += heard.sequence != ++sequence;
		wrong += !hear_adds_up(f);
		wrong += hear_info(f).behind != KEYS - sequence;
	}
	CHECK(!wrong && hear_nothing(f), "%d keys, in the order of their sets",
		KEYS);
	spl_feed_close(f);
	unit_drop(s);
}

struct choice {
	const char *key, *prefix, *pattern;
	unsigned want; /* bits of the keys below */
};

static void
filters(uint32_t kind)
{
	static const char *const keys[] = {
		"a", "ab", "abc", "b", "ba", "a:1", "a:22"};
	static const struct choice choices[] = {
		{NULL, NULL, NULL, 0x7f},
		{NULL, "", NULL, 0x7f},
		{NULL, NULL, "", 0x7f},
		{"ab", NULL, NULL, 0x02},
		{"none", NULL, NULL, 0},
		{NULL, "a", NULL, 0x67},
		{NULL, "a:", NULL, 0x60},
		{NULL, "abcd", NULL, 0},
		{NULL, NULL, "^b", 0x18},
		{NULL, NULL, "[0-9]{2}$", 0x40},
		{NULL, "a", "b", 0x06},
		{NULL, "b", "^a", 0},
	};
	enum { KEYS = 7, CHOICES = sizeof choices / sizeof *choices };
	spl_store *s = unit_store(kind, 8, 8);
	spl_feed *feeds[CHOICES];
	struct spl_feed_options o;

	for (int i = 0; i < CHOICES; i++) {
		spl_feed_options_init(&o);
		o.key = choices[i].key;
		o.prefix = choices[i].prefix;
		o.pattern = choices[i].pattern;
		feeds[i] = hear_open(s, &o);
	}
	for (int round = 0; round < 3; round++) {
		static const uint32_t whats[] = {
			SPL_CREATED, SPL_CHANGED, SPL_UNSET};
		for (int k = 0; k < KEYS; k++)
			if (round == 2)
				spl_unset(s, keys[k]);
			else
				unit_set(s, keys[k], "");
		unsigned wrong = 0;
		for (int i = 0; i < CHOICES; i++) {
			for (int k = 0; k < KEYS; k++)
				if (choices[i].want >> k & 1)
					wrong += !hear(feeds[i], whats[round],
						keys[k]);
			wrong += !hear_nothing(feeds[i]);
			wrong += !hear_adds_up(feeds[i]);
		}
		CHECK(!wrong, "%d filters, round %d", CHOICES, round);
	}
	for (int i = 0; i < CHOICES; i++)
		spl_feed_close(feeds[i]);
	unit_drop(s);
}

static void
snapshots(uint32_t kind)
{
	spl_store *s = unit_store(kind, 64, 8);
	spl_feed *f = hear_flags(s, SPL_FEED_SNAPSHOT);
	struct spl_event events[64];
	struct spl_feed_options o;
	unsigned seen = 0, wrong = 0;
	char key[8];

	CHECK(hear_end(f), "of an empty store");
	spl_feed_close(f);
	for (int i = 0; i < 20; i++) {
		unit_text(key, sizeof key, "%d", i);
		unit_set(s, key, key);
	}
	spl_set_ttl(s, "gone", "", 0, 1);
	until_expired(s, "gone");
	f = hear_flags(s, SPL_FEED_SNAPSHOT | SPL_FEED_VALUES);
	unit_set(s, "7", "later");
	CHECK_RC(spl_feed_read(f, events, 64, 0), 21);
	for (int i = 0; i < 20; i++) {
		struct spl_event *e = &events[i];
		int n = atoi(e->key);
		wrong += e->what != SPL_PRESENT || e->changes;
		wrong += e->epoch != unit_epoch(s, e->key);
		wrong += !unit_is(s, e->key, n == 7 ? "later" : e->key);
		wrong += e->len != strlen(n == 7 ? "later" : e->key);
		wrong += memcmp(e->value, n == 7 ? "later" : e->key, e->len) !=
			 0;
		seen |= 1u << (unsigned)n;
	}
	CHECK(!wrong && seen == (1u << 20) - 1, "each key once, as it is");
	CHECK(events[20].what == SPL_SYNCED && !*events[20].key &&
			!events[20].value && !events[20].epoch,
		"and the end of it");
	CHECK(hear_nothing(f), "a change that the walk met is not told again");
	unit_set(s, "8", "x");
	CHECK(hear_value(f, SPL_CHANGED, "8", "x"), "changes from there on");
	spl_feed_close(f);
	spl_feed_options_init(&o);
	o.flags = SPL_FEED_SNAPSHOT;
	o.key = "3";
	f = hear_open(s, &o);
	CHECK(hear(f, SPL_PRESENT, "3") && hear_end(f), "of one key");
	spl_feed_close(f);
	o.key = "none";
	f = hear_open(s, &o);
	CHECK(hear_end(f), "of one that is absent");
	spl_feed_close(f);
	o.key = NULL;
	o.prefix = "1";
	o.pattern = "[05]";
	f = hear_open(s, &o);
	CHECK(spl_feed_read(f, events, 64, 0) == 3 &&
			events[2].what == SPL_SYNCED,
		"of those that a filter passes");
	spl_feed_close(f);
	unit_drop(s);
}

static void
bad_arguments(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_feed_options o;
	struct spl_feed_stat stat;
	struct spl_event event;
	char key[65];
	spl_feed *f = (void *)s;

	memset(key, 'k', 64);
	key[64] = '\0';
	spl_feed_options_init(&o);
	CHECK_RC(spl_feed_open(NULL, &o, &f), -EINVAL);
	CHECK_RC(spl_feed_open(s, &o, NULL), -EINVAL);
	o.flags = 4;
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	spl_feed_options_init(&o);
	o.size--;
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	spl_feed_options_init(&o);
	o.pattern = "(";
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	o.prefix = "with a prefix";
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	o.key = "k";
	o.pattern = NULL;
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	o.pattern = "k";
	o.prefix = NULL;
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	spl_feed_options_init(&o);
	o.key = key;
	CHECK_RC(spl_feed_open(s, &o, &f), -ENAMETOOLONG);
	o.key = "";
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	spl_feed_options_init(&o);
	o.since = 1;
	CHECK_RC(spl_feed_open(s, &o, &f), -ERANGE);
	o.since = UINT64_MAX - 1;
	CHECK_RC(spl_feed_open(s, &o, &f), -ERANGE);
	o.since = 0;
	o.flags = SPL_FEED_SNAPSHOT;
	CHECK_RC(spl_feed_open(s, &o, &f), -EINVAL);
	CHECK(f == (void *)s, "out is untouched on failure");
	key[63] = '\0';
	spl_feed_options_init(&o);
	o.key = key;
	CHECK_RC(spl_feed_open(s, &o, &f), 0);
	unit_set(s, key, "1");
	unit_set(s, "k", "1");
	CHECK(hear(f, SPL_CREATED, key) && hear_nothing(f), "63 bytes do");
	CHECK_RC(spl_feed_read(NULL, &event, 1, 0), -EINVAL);
	CHECK_RC(spl_feed_read(f, NULL, 1, 0), -EINVAL);
	CHECK_RC(spl_feed_read(f, &event, 0, 0), -EINVAL);
	CHECK_RC(spl_feed_info(NULL, &stat), -EINVAL);
	CHECK_RC(spl_feed_info(f, NULL), -EINVAL);
	CHECK_RC(spl_feed_fd(NULL), -EINVAL);
	uint64_t from = spli_now_ns();
	CHECK_RC(spl_feed_read(f, &event, 1, 20), 0);
	CHECK(spli_now_ns() - from >= 20000000, "a timeout is never early");
	spl_feed_close(NULL);
	spl_feed_close(f);
	unit_drop(s);
}

/* What a filter leaves out behind an event is gone by with it. */
static void
left_out_is_gone_by(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.prefix = "p/";
	spl_feed *f = hear_open(s, &o);
	unit_set(s, "q", "");
	unit_set(s, "p/a", "");
	unit_set(s, "q", "");
	unit_set(s, "r", "");
	CHECK(hear(f, SPL_CREATED, "p/a") && heard.sequence == 4 &&
			hear_adds_up(f),
		"an event's sequence is behind what follows and is left out");
	spl_feed_close(f);
	unit_drop(s);
}

void
test_follow(void)
{
	left_out_is_gone_by();
	for (int i = 0; i < 2; i++) {
		each_kind_of_change(unit_kinds[i]);
		filters(unit_kinds[i]);
		snapshots(unit_kinds[i]);
	}
	merged();
	in_order();
	bad_arguments();
}
