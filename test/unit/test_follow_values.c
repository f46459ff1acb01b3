/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c, cursor.c - values that come with events, and go; feeds of read-only
 * handles, of stores that are closed, and of children.
 */
#include <pthread.h>
#include <string.h>

#include "hear.h"

enum { MAX = 300000 };
static char bytes[MAX];

/* Different for each length. */
static void
make_value(size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)((i * 31 + len * 7) % 251);
}

static bool
has_value(const struct spl_event *event, size_t len)
{
	make_value(len);
	return event->value && event->len == len &&
	       !memcmp(event->value, bytes, len);
}

static void
of_every_length(uint32_t kind)
{
	enum { LONGEST = 1000 };
	spl_store *s = unit_store(kind, 8, LONGEST);
	spl_feed *f = hear_flags(s, SPL_FEED_VALUES);
	struct spl_event events[2];
	unsigned wrong = 0;

	for (size_t len = 0; len <= LONGEST; len++) {
		make_value(len);
		spl_set(s, "a", bytes, len);
		spl_set(s, "b", bytes, LONGEST - len);
		wrong += spl_feed_read(f, events, 2, 0) != 2 ||
			 !has_value(&events[0], len);
		make_value(len);
		wrong += events[1].len != LONGEST - len ||
			 memcmp(events[1].value, bytes, LONGEST - len);
	}
	CHECK(!wrong, "values of 0 to %d bytes", LONGEST);
	spl_feed_close(f);
	unit_drop(s);
}

/* Fewer events may come than there is room for, but all come. */
static void
more_than_a_batch(void)
{
	enum { KEYS = 12 };
	spl_store *s = unit_store(TEST_KIND, KEYS, MAX);
	spl_feed *feeds[2] = {
		hear_flags(s, SPL_FEED_VALUES), hear_flags(s, SPL_FEED_VALUES)};
	struct spl_event events[KEYS];
	char key[8];

	make_value(MAX);
	for (int i = 0; i < KEYS; i++) {
		unit_text(key, sizeof key, "%d", i);
		spl_set(s, key, bytes, MAX - (size_t)i);
	}
	/* The second has looked ahead when it is read. */
	CHECK(spl_feed_fd(feeds[1]) >= 0, "a descriptor");
	for (int fd = 0; fd < 2; fd++) {
		unsigned wrong = 0;
		int at = 0, reads = 0;
		while (at < KEYS) {
			int n = spl_feed_read(feeds[fd], events, KEYS, 30000);
			if (n <= 0)
				break;
			reads++;
			make_value(MAX);
			for (int i = 0; i < n; i++, at++) {
				wrong += atoi(events[i].key) != at;
				wrong += events[i].len != MAX - (size_t)at;
				wrong += memcmp(events[i].value, bytes,
						 events[i].len) != 0;
			}
		}
		CHECK(at == KEYS && !wrong && hear_nothing(feeds[fd]),
			"values of 3 MiB, by %d reads", reads);
	}
	spl_feed_close(feeds[0]);
	spl_feed_close(feeds[1]);
	unit_drop(s);
}

static void
of_what_goes(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 32);
	spl_feed *f = hear_flags(s, SPL_FEED_VALUES);

	unit_set(s, "a", "one");
	spl_set_ttl(s, "b", "the last one", 12, 30000);
	spl_set_ttl(s, "c", "", 0, 30000);
	CHECK(hear_value(f, SPL_CREATED, "a", "one") &&
			hear_value(f, SPL_CREATED, "b", "the last one") &&
			hear_value(f, SPL_CREATED, "c", ""),
		"of new keys");
	spl_unset(s, "a");
	CHECK(hear(f, SPL_UNSET, "a") && !heard.value && heard.len == 3,
		"none of a key that was removed");
	spl_expire(s, "b", 1);
	until_expired(s, "b");
	CHECK(hear_value(f, SPL_CHANGED, "b", "the last one"), "a short life");
	CHECK(hear_soon(f, SPL_EXPIRED, "b") && heard.len == 12 &&
			heard.value && !memcmp(heard.value, "the last one", 12),
		"the last one of a key that expired");
	CHECK(spl_reclaim(s) == 1 && hear_nothing(f),
		"its reclaiming is not told");
	spl_expire(s, "c", 1);
	until_expired(s, "c");
	CHECK(spl_reclaim(s) == 1 && hear(f, SPL_EXPIRED, "c") && heard.value &&
			!heard.len && hear_nothing(f),
		"an empty one, reclaimed before its end was told");
	/* What was told without a time to live was not kept. */
	unit_set(s, "e", "plain");
	CHECK(hear_value(f, SPL_CREATED, "e", "plain"), "for ever");
	spl_expire(s, "e", 1);
	until_expired(s, "e");
	spl_reclaim(s);
	CHECK(hear(f, SPL_EXPIRED, "e") && !heard.value && heard.epoch &&
			hear_nothing(f),
		"or not");
	/* Expired and set again before anybody has read. */
	spl_set_ttl(s, "d", "short", 5, 30000);
	CHECK(hear(f, SPL_CREATED, "d"), "a last key");
	spl_expire(s, "d", 1);
	until_expired(s, "d");
	unit_set(s, "d", "again");
	uint64_t epoch = unit_epoch(s, "d");
	do
		CHECK(spl_feed_read(f, &heard, 1, 0) == 1, "is told");
	while (heard.what == SPL_EXPIRED);
	CHECK((heard.what == SPL_CREATED || heard.what == SPL_CHANGED) &&
			heard.epoch == epoch && heard.len == 5 &&
			!memcmp(heard.value, "again", 5) && hear_nothing(f),
		"with what it is now");
	spl_feed_close(f);
	unit_drop(s);
}

/* The changes that led to a value are not told after its end. */
static void
expired_is_told_once(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = NULL;

	/* Until one was read before its end. */
	for (uint64_t ttl_ms = 20; !f; ttl_ms *= 2) {
		f = hear_open(s, NULL);
		unit_set(s, "k", "1");
		unit_set(s, "k", "2");
		spl_set_ttl(s, "k", "3", 1, ttl_ms);
		if (spl_feed_read(f, &heard, 1, 0) == 1)
			break;
		spl_feed_close(f);
		f = NULL;
	}
	uint64_t epoch = heard.epoch;
	CHECK(heard.what == SPL_CREATED, "a short life");
	until_expired(s, "k");
	CHECK(hear(f, SPL_EXPIRED, "k") && heard.epoch == epoch, "its end");
	CHECK(hear_nothing(f), "and no more of it");
	spl_reclaim(s);
	CHECK(hear_nothing(f), "not by its reclaiming either");
	CHECK(hear_info(f).keys == 0 && hear_adds_up(f), "it is forgotten");
	unit_set(s, "k", "4");
	CHECK(hear(f, SPL_CREATED, "k") && heard.epoch == epoch + 2,
		"it returns");
	spl_set_ttl(s, "l", "", 0, 1);
	until_expired(s, "l");
	CHECK(hear_nothing(f), "nothing of a key that is absent already");
	spl_feed_close(f);
	unit_drop(s);
}

/* Also where time is over just after a key that went was told. */
static void
sequences_do_not_fall(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL);

	for (uint64_t ttl_ms = 20;; ttl_ms *= 2) {
		unit_set(s, "a", "");
		spl_set_ttl(s, "b", "", 0, ttl_ms);
		int n = spl_feed_read(f, &heard, 1, 0);
		n += spl_feed_read(f, &heard, 1, 0);
		spl_unset(s, "a");
		if (n == 2 && spl_feed_read(f, &heard, 1, 0) == 1 &&
			heard.what == SPL_UNSET)
			break;
		while (spl_feed_read(f, &heard, 1, 0) == 1)
			;
	}
	uint64_t sequence = heard.sequence;
	until_expired(s, "b");
	CHECK(hear(f, SPL_EXPIRED, "b") && heard.sequence >= sequence,
		"sequences do not fall");
	spl_feed_close(f);
	unit_drop(s);
}

/* A reader that sleeps, through a handle that may not write. */
struct sleeper {
	spl_feed *feed;
	int rc;
	struct spl_event event;
};

static void *
sleep_on(void *arg)
{
	struct sleeper *r = arg;

	r->rc = spl_feed_read(r->feed, &r->event, 1, UINT64_MAX);
	return NULL;
}

static void
until_followed(spl_store *s)
{
	struct spl_store_stat info;

	do
		unit_moment();
	while (!spl_store_info(s, &info) && !info.waited_any);
}

static void
readers_sleep(uint32_t flags, bool always)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 8);
	pthread_t thread;

	o.flags = always ? SPL_WAKE_ALWAYS : 0;
	spl_store *s = unit_store_with(&o);
	spl_store *again = unit_again(s, flags);
	struct sleeper r = {.feed = hear_open(again, NULL)};
	unsigned wrong = 0;
	for (int i = 0; i < 5; i++) {
		pthread_create(&thread, NULL, sleep_on, &r);
		if (!flags)
			until_followed(s);
		unit_set(s, "k", "");
		pthread_join(thread, NULL);
		wrong += r.rc != 1 || strcmp(r.event.key, "k") != 0;
		wrong += r.event.what != (i ? SPL_CHANGED : SPL_CREATED);
	}
	spl_set_ttl(s, "k", "", 0, 20);
	wrong += !hear(r.feed, SPL_CHANGED, "k");
	pthread_create(&thread, NULL, sleep_on, &r);
	pthread_join(thread, NULL);
	wrong += r.rc != 1 || r.event.what != SPL_EXPIRED;
	CHECK(!wrong, "a sleeping reader is woken, flags %u, %u", flags,
		o.flags);
	spl_feed_close(r.feed);
	spl_close(again);
	unit_drop(s);
}

static void
feeds_of_a_closed_store(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_store *again = unit_again(s, 0);
	spl_feed *feeds[3];
	struct spl_event event;
	struct spl_feed_stat stat;

	for (int i = 0; i < 3; i++)
		feeds[i] = hear_flags(again, SPL_FEED_VALUES);
	unit_set(s, "k", "1");
	CHECK(hear_value(feeds[0], SPL_CREATED, "k", "1"), "a feed");
	spl_feed_close(feeds[1]);
	CHECK_RC(spl_close(again), 0);
	CHECK(heard.value && !memcmp(heard.value, "1", 1),
		"the value that was told stays until the feed's close");
	CHECK_RC(spl_feed_read(feeds[0], &event, 1, UINT64_MAX), -EBADF);
	CHECK_RC(spl_feed_read(feeds[2], &event, 1, 0), -EBADF);
	CHECK_RC(spl_feed_info(feeds[0], &stat), -EBADF);
	CHECK_RC(spl_feed_fd(feeds[0]), -EBADF);
	spl_feed_close(feeds[0]);
	spl_feed_close(feeds[2]);
	unit_drop(s);
}

static void
go_on(void *arg)
{
	spl_feed *f = arg;

	EXPECT(hear_value(f, SPL_CREATED, "unread", "1"));
	unit_post(0, 1);
	EXPECT(hear_soon(f, SPL_CREATED, "by the parent"));
	EXPECT(hear_nothing(f) && hear_adds_up(f));
	unit_post(0, 2);
	spl_feed_close(f);
}

static void
children_have_a_copy(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_feed *f = hear_flags(s, SPL_FEED_VALUES);

	unit_set(s, "unread", "1");
	unit_board_clear();
	struct unit_child c = unit_fork(go_on, f);
	unit_await(0, 1);
	unit_set(s, "by the parent", "2");
	unit_await(0, 2);
	CHECK(!unit_join(&c), "the child goes on with its copy");
	CHECK(hear_value(f, SPL_CREATED, "unread", "1") &&
			hear_value(f, SPL_CREATED, "by the parent", "2") &&
			hear_nothing(f),
		"and the parent with its own");
	spl_feed_close(f);
	unit_drop(s);
}

void
test_follow_values(void)
{
	for (int i = 0; i < 2; i++) {
		of_every_length(unit_kinds[i]);
		of_what_goes(unit_kinds[i]);
		children_have_a_copy(unit_kinds[i]);
	}
	more_than_a_batch();
	expired_is_told_once();
	sequences_do_not_fall();
	readers_sleep(0, false);
	readers_sleep(SPL_READ_ONLY, false);
	readers_sleep(SPL_READ_ONLY, true);
	feeds_of_a_closed_store();
}
