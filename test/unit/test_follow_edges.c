/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c, feed.c, notify.c - what a feed meets seldom: a key that changes
 * between two looks at it, a walk over a large and empty table, a past of
 * which nothing is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cursor.h"
#include "hear.h"
#include "hook.h"
#include "ttl.h"

/* As if a walk were over that has met no key at all. */
static void
walk_past_all(spl_feed *f)
{
	f->phase = SPLI_LEFT_OVER;
	f->walk++;
	f->walk_slot = 0;
}

/* Its slot gets another key, just before the second look. */
static void
replace_key(void *arg)
{
	spl_store *s = arg;
	char key[8];
	unsigned i = 0;
	int full;

	/* Of two entries one has it; half of all names get the same. */
	full = s->table[0].word >> s->geo.generation_bits ? 0 : 1;
	int64_t rc = spl_unset(s, "k");
	EXPECT(rc >= 0 || rc == -ENOENT); /* (its time may be over) */
	for (;; spl_unset(s, key)) {
		unit_text(key, sizeof key, "%u", i++);
		EXPECT(unit_set(s, key, "") == 0);
		if (spli_word_block(s, s->table[full].word))
			break;
	}
}

/* A key that the walk has not met although it is there: it moved past it. */
static void
moved_past_the_walk(void)
{
	spl_store *s = unit_store(TEST_KIND, 1, 8);
	spl_feed *f = hear_open(s, NULL);

	unit_set(s, "k", "1");
	CHECK(hear(f, SPL_CREATED, "k"), "a key");
	walk_past_all(f);
	CHECK(hear(f, SPL_SYNCED, "") && hear_nothing(f), "as it was told");
	unit_set(s, "k", "2");
	walk_past_all(f);
	CHECK(hear(f, SPL_CHANGED, "k") && hear_end(f), "changed, told once");
	hook_set(HOOK_spli_slot_read,
		(struct hook){.error = EAGAIN, .times = 1});
	walk_past_all(f);
	CHECK(hear(f, SPL_SYNCED, "") && hook_end(HOOK_spli_slot_read) == 1,
		"changing right now: its cell will tell");
	CHECK(hear_nothing(f) && hear_info(f).keys == 1, "it is still known");
	hook_set(HOOK_spli_table_find, (struct hook){.error = EAGAIN});
	walk_past_all(f);
	CHECK(hear(f, SPL_SYNCED, "") && hook_end(HOOK_spli_table_find) == 1 &&
			hear_info(f).keys == 1,
		"found at no look");
	hook_set(HOOK_spli_slot_read, (struct hook){.error = ENOMEM});
	walk_past_all(f);
	CHECK_RC(spl_feed_read(f, &heard, 1, 0), -ENOMEM);
	hook_end(HOOK_spli_slot_read);
	CHECK(hear_end(f), "without memory: again");
	spl_feed_close(f);
	unit_drop(s);
}

/* The slot has another key at the second look than at the first. */
static void
replaced_between_two_looks(void)
{
	spl_store *s = unit_store(TEST_KIND, 1, 8);
	spl_feed *f = hear_open(s, NULL);

	unit_set(s, "k", "1");
	CHECK(hear(f, SPL_CREATED, "k"), "a key");
	hook_set(HOOK_spli_slot_read,
		(struct hook){.before = replace_key, .arg = s});
	walk_past_all(f);
	CHECK(hear(f, SPL_SYNCED, "") && hook_end(HOOK_spli_slot_read) == 1,
		"another key in its slot is not taken for it");
	unsigned gone = 0;
	while (spl_feed_read(f, &heard, 1, 0) == 1)
		gone += heard.what == SPL_UNSET && !strcmp(heard.key, "k");
	CHECK(gone == 1, "and its end is told, by its cell");
	spl_feed_close(f);
	unit_drop(s);
}

/* The slot of a removed key has one now that changes without end. */
static void
a_hot_key_where_one_went(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_open(s, NULL);

	unit_set(s, "k", "1");
	CHECK(hear(f, SPL_CREATED, "k"), "a key");
	spl_unset(s, "k");
	hook_set(HOOK_spli_slot_read, (struct hook){.error = EAGAIN});
	CHECK(hear_nothing(f) && hook_end(HOOK_spli_slot_read) == 1,
		"not yet to be told");
	CHECK(hear(f, SPL_UNSET, "k") && hear_nothing(f), "but then");
	CHECK(hear_adds_up(f), "it adds up");
	unit_set(s, "k", "2");
	hook_set(HOOK_spli_slot_read, (struct hook){.error = EAGAIN});
	CHECK(hear_nothing(f), "one that cannot be read is passed over");
	hook_set(HOOK_spli_slot_read, (struct hook){.error = ENOMEM});
	unit_set(s, "k", "3");
	CHECK_RC(spl_feed_read(f, &heard, 1, 0), -ENOMEM);
	hook_end(HOOK_spli_slot_read);
	CHECK(hear(f, SPL_CREATED, "k"), "one without memory is told later");
	spl_feed_close(f);
	unit_drop(s);
}

/* One key's feed, and a past in which only others came and went. */
static void
anothers_past(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_feed_options o;

	unit_set(s, "other", "");
	spl_unset(s, "other");
	spl_feed_options_init(&o);
	o.since = 0;
	o.key = "k";
	spl_feed *f = hear_open(s, &o);
	unsigned events = 0, named = 0;
	while (spl_feed_read(f, &heard, 1, 0) == 1) {
		events++;
		named += *heard.key != '\0';
	}
	CHECK(!named && hear_adds_up(f), "nothing of another's (%u events)",
		events);
	spl_feed_close(f);
	unit_drop(s);
}

/* Too slow to see what came after the opening; what was before is known. */
static void
missed_since(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	unit_set(s, "k", "");
	spl_feed *f = hear_since(s, 1);
	hear_lap(s, "other");
	CHECK(hear_missed(f, s->geo.feed_len + 1) &&
			hear(f, SPL_CREATED, "other") && hear_end(f),
		"what is as it was is not told");
	/* A key that says it was born after it was set, which none was. */
	unit_set(s, "k", "");
	CHECK(hear(f, SPL_CHANGED, "k") && heard.changes == 1, "a change");
	unit_set(s, "new", "");
	struct spl_peek peek;
	CHECK_RC(spl_peek_begin(s, "new", &peek), 0);
	spli_block(s, spli_word_block(s, peek.word))->born = UINT64_MAX;
	CHECK(hear(f, SPL_CREATED, "new") && heard.changes == 1,
		"garbage counts as one change");
	spl_feed_close(f);
	unit_drop(s);
}

/* What went in the past is there at the opening, and goes before it is read. */
static void
gone_since(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	unit_set(s, "k", "");
	spl_unset(s, "k");
	unit_set(s, "k", "");
	spl_feed *f = hear_since(s, 0);
	spl_unset(s, "k");
	unsigned gone = 0;
	while (spl_feed_read(f, &heard, 1, 0) == 1)
		gone += heard.what == SPL_UNSET && !strcmp(heard.key, "k");
	CHECK(gone == 1 && !hear_info(f).missed && hear_adds_up(f),
		"its end is told");
	spl_feed_close(f);
	unit_drop(s);
}

/* The last of the past has no name, and then something expires. */
static void
nameless_then_expired(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);

	unit_set(s, "gone", "");
	spl_set_ttl(s, "k", "v", 1, 1);
	spl_unset(s, "gone");
	spl_feed *f = hear_since(s, 2);
	until_expired(s, "k");
	uint32_t told = 0;
	unsigned events = 0;
	for (; events < 10 && spl_feed_read(f, &heard, 1, 0) == 1; events++)
		told |= heard.what;
	CHECK(told == (SPL_EXPIRED | SPL_MISSED | SPL_SYNCED) &&
			hear_info(f).missed == 1 && hear_adds_up(f),
		"the end, and that something was missed");
	spl_feed_close(f);
	unit_drop(s);
}

/* Its time is over, and its slot has another key when that is to be told. */
static void
expired_and_replaced(void)
{
	if (TEST_KIND != SPL_FILE)
		return; /* its clock cannot be set */
	spl_store *s = unit_store(TEST_KIND, 1, 8);
	spl_feed *f = hear_open(s, NULL);

	spl_set_ttl(s, "k", "v", 1, 3600000);
	CHECK(hear(f, SPL_CREATED, "k"), "a key that ends");
	spli_store(&s->header->clock_floor,
		spli_time_ns(s) + UINT64_C(7200) * 1000000000);
	hook_set(HOOK_spli_slot_read,
		(struct hook){.before = replace_key, .arg = s});
	unsigned gone = 0;
	while (spl_feed_read(f, &heard, 1, 0) == 1)
		gone += !strcmp(heard.key, "k");
	CHECK(hook_end(HOOK_spli_slot_read) == 1 && gone == 1 &&
			heard.what != SPL_EXPIRED,
		"its end is told once, by its cell");
	spl_feed_close(f);
	unit_drop(s);
}

/* A walk meets a key when the feed knows as many as there can be. */
static void
knows_too_many(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	unit_set(s, "k", "v");
	spl_feed *f = hear_flags(s, SPL_FEED_SNAPSHOT);
	f->memory.count = 2 * (s->geo.entries + s->geo.feed_len);
	CHECK(hear(f, SPL_SYNCED, "") && hear_nothing(f),
		"what only a damaged store has so many of is left out");
	f->memory.count = 0;
	unit_set(s, "k", "w");
	CHECK(hear(f, SPL_CREATED, "k"), "and it goes on");
	spl_feed_close(f);
	unit_drop(s);
}

/* More entries than a feed looks at in one go, and all of them empty. */
static void
a_large_empty_table(void)
{
	spl_store *s = unit_store(TEST_KIND, 40000, 8);

	CHECK(s->geo.entries > s->geo.feed_len + 1, "larger than the ring");
	spl_feed *f = hear_flags(s, SPL_FEED_SNAPSHOT);
	CHECK(hear(f, SPL_SYNCED, ""), "who does not wait sees its end");
	spl_feed_close(f);
	f = hear_flags(s, SPL_FEED_SNAPSHOT);
	CHECK(spl_feed_read(f, &heard, 1, UINT64_MAX) == 1 &&
			heard.what == SPL_SYNCED,
		"who waits does not sleep");
	spl_feed_close(f);
	f = hear_flags(s, SPL_FEED_SNAPSHOT);
	CHECK(hear_readable(spl_feed_fd(f), 30000) && hear(f, SPL_SYNCED, ""),
		"its descriptor becomes readable");
	spl_feed_close(f);
	unit_drop(s);
	/* So many that the thread does not see the end at once, either. */
	s = unit_store(TEST_KIND, 110000, 8);
	f = hear_flags(s, SPL_FEED_SNAPSHOT);
	CHECK(hear_readable(spl_feed_fd(f), 30000) && hear(f, SPL_SYNCED, ""),
		"nor does that of a larger one sleep");
	spl_feed_close(f);
	unit_drop(s);
}

/* Who has seen an event of which the writer died before he moved the tail. */
static void
ahead_of_the_tail(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_feed_options o;
	spl_feed *f;

	unit_set(s, "k", "");
	s->feed->tail--;
	f = hear_since(s, 1);
	CHECK(hear_nothing(f), "goes on behind it");
	spl_feed_close(f);
	spl_feed_options_init(&o);
	o.since = 2;
	CHECK_RC(spl_feed_open(s, &o, &f), -ERANGE);
	f = hear_since(s, 0);
	CHECK(hear(f, SPL_CREATED, "k") && hear_nothing(f), "who has not, not");
	struct spl_event event;
	unit_set(s, "k", "");
	CHECK_RC(spl_feed_read(f, &event, SIZE_MAX, 0), 1);
	spl_feed_close(f);
	unit_drop(s);
}

/* Several feeds of one thread, and each has something that ends. */
static void
the_earliest_end(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_feed_options o;
	spl_feed *f[3];
	static const char *const keys[] = {"a", "b", "c"};
	static const uint64_t ms[] = {7200000, 3600000, 7200000};

	spl_feed_options_init(&o);
	for (int i = 0; i < 3; i++) {
		o.key = keys[i];
		spl_set_ttl(s, keys[i], "", 0, ms[i]);
		f[i] = hear_open(s, &o);
		CHECK(spl_feed_fd(f[i]) > 2, "a descriptor");
	}
	spl_expire(s, "b", 1);
	do
		CHECK(hear_readable(spl_feed_fd(f[1]), 30000) &&
				spl_feed_read(f[1], &heard, 1, 0) == 1,
			"something of the earliest");
	while (heard.what == SPL_CHANGED);
	CHECK(heard.what == SPL_EXPIRED && hear_nothing(f[1]),
		"its end is not slept over");
	CHECK(hear_nothing(f[0]) && hear_nothing(f[2]), "the others go on");
	for (int i = 0; i < 3; i++)
		spl_feed_close(f[i]);
	unit_drop(s);
}

/* A read-only handle that is always woken, and may still miss a kick. */
static void
woken_always(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);

	o.flags = SPL_WAKE_ALWAYS;
	spl_store *s = unit_store_with(&o);
	spl_store *r = unit_again(s, SPL_READ_ONLY);
	spl_feed *f = hear_open(r, NULL);
	int fd = spl_feed_fd(f);

	for (int i = 0; i < 3; i++) {
		unit_set(s, "k", "");
		CHECK(hear_readable(fd, 30000) &&
				hear(f, i ? SPL_CHANGED : SPL_CREATED, "k") &&
				hear_nothing(f),
			"woken, to a read-only handle");
	}
	spl_feed_close(f);
	spl_close(r);
	unit_drop(s);
}

/* The store's name goes; that is said once, to each feed that had one. */
static void
without_a_name(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	spl_feed *f = hear_open(s, NULL);
	spl_feed *waiting[2] = {hear_open(s, NULL), hear_open(s, NULL)};
	int fd = spl_feed_fd(f);

	unlink(unit_path(unit_name_of(s)));
	CHECK(hear_readable(fd, 30000), "the descriptor says so");
	/* Also after other feeds, and waits, were looked at. */
	spl_cancel_waits(s, 1);
	spl_cancel_waits(s, 0);
	CHECK(hear_readable(fd, 30000), "it still does");
	CHECK_RC(spl_feed_read(f, &heard, 1, 0), -EIDRM);
	CHECK(hear_nothing(f), "once");
	spl_feed_close(f);
	for (int i = 0; i < 2; i++) {
		CHECK_RC(spl_feed_read(waiting[i], &heard, 1, 1), -EIDRM);
		CHECK_RC(spl_feed_read(waiting[i], &heard, 1, 1), 0);
		spl_feed_close(waiting[i]);
	}
	/* Something to remove. */
	spl_store *other = NULL;
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	CHECK_RC(spl_create(unit_name_of(s), &o, &other), 0);
	spl_close(other);
	unit_drop(s);
}

/* What an option points to is the caller's again after the opening. */
static void
options_are_copied(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_feed_options o;
	char key[] = "k";

	unit_set(s, "k", "");
	spl_feed_options_init(&o);
	o.flags = SPL_FEED_SNAPSHOT;
	o.key = key;
	spl_feed *f = hear_open(s, &o);
	*key = 'l';
	CHECK(hear(f, SPL_PRESENT, "k") && hear_end(f), "a key is copied");
	spl_feed_close(f);
	unit_drop(s);
}

/* The store's list of its feeds, whichever is closed first. */
static void
closed_in_any_order(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	for (int first = 0; first < 3; first++) {
		spl_feed *f[3];
		for (int i = 0; i < 3; i++)
			f[i] = hear_open(s, NULL);
		int second = (first + 2) % 3, last = (first + 1) % 3;
		spl_feed_close(f[first]);
		spl_feed_close(f[second]);
		CHECK(s->feeds == f[last] && !f[last]->prev && !f[last]->next,
			"one is left");
		spl_feed_close(f[last]);
		CHECK(!s->feeds, "and none");
	}
	unit_drop(s);
}

/* What the descriptor is readable for has been looked at, not told. */
static void
readable_is_not_told(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);
	int fd = spl_feed_fd(f);

	unit_set(s, "k", "");
	CHECK(hear_readable(fd, 30000) && hear_info(f).events == 0,
		"an event that nobody has read");
	CHECK(hear(f, SPL_CREATED, "k") && hear_info(f).events == 1,
		"and read");
	spl_feed_close(f);
	unit_drop(s);
}

static void
has_no_descriptor(void *fd)
{
	EXPECT(fcntl(*(int *)fd, F_GETFD) < 0 && errno == EBADF);
}

/* The parent's reading would be felt in it. */
static void
descriptor_of_the_parent(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);
	int fd = spl_feed_fd(f);

	CHECK(!unit_run(has_no_descriptor, &fd),
		"a feed's descriptor is closed in the child");
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC, "and stays in the parent");
	spl_feed_close(f);
	unit_drop(s);
}

void
test_follow_edges(void)
{
	moved_past_the_walk();
	replaced_between_two_looks();
	a_hot_key_where_one_went();
	anothers_past();
	missed_since();
	gone_since();
	nameless_then_expired();
	expired_and_replaced();
	knows_too_many();
	a_large_empty_table();
	ahead_of_the_tail();
	the_earliest_end();
	woken_always();
	without_a_name();
	options_are_copied();
	closed_in_any_order();
	readable_is_not_told();
	descriptor_of_the_parent();
}
