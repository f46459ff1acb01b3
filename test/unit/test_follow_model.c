/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c - threads set, remove and expire keys at random; a feed is read
 * with random pauses, and the picture made of what it tells becomes the store.
 */
#include <pthread.h>
#include <string.h>

#include "hear.h"

enum { KEYS = 12, WRITERS = 3, ROOM = 40, VALUE = 24 };

struct writer {
	spl_store *s;
	uint64_t random;
	unsigned changes, failed;
	pthread_t thread;
};

/* What the reader believes of a key. */
struct believed {
	bool there;
	uint64_t epoch; /* the last one told, also of what went */
	uint64_t len;
	char value[VALUE];
};

struct reader {
	spl_store *s;
	spl_feed *feed;
	uint32_t flags;
	uint64_t random, sequence, missed;
	unsigned wrong, events, going;
	bool synced;
	struct believed keys[KEYS];
};

static int running; /* writers */

static void
key_name(char *text, unsigned key)
{
	unit_text(text, 8, "%c%u", key % 2 ? 'a' : 'b', key);
}

static void *
write_some(void *arg)
{
	struct writer *w = arg;
	char key[8], value[VALUE];

	for (unsigned i = 0; i < w->changes; i++) {
		uint64_t r = tap_random(&w->random);
		key_name(key, (unsigned)(r >> 8) % KEYS);
		size_t len = unit_text(value, sizeof value, "%s %u", key, i);
		int64_t rc = 0;
		switch (r % 8) {
		case 0:
		case 1:
			rc = spl_unset(w->s, key);
			break;
		case 2:
			rc = spl_set_ttl(w->s, key, value, len, 1 + r % 3);
			break;
		case 3:
			rc = spl_expire(w->s, key, 1 + r % 5);
			break;
		case 4:
			rc = r % 5 ? 0 : spl_reclaim(w->s);
			break;
		default:
			rc = spl_set(w->s, key, value, len);
		}
		/* A tiny store is full, now and then. */
		w->failed += rc < 0 && rc != -ENOENT && rc != -ENOSPC;
	}
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool
writers_run(void)
{
	return __atomic_load_n(&running, __ATOMIC_ACQUIRE) > 0;
}

static unsigned
believe(struct reader *r, const struct spl_event *e)
{
	unsigned n = (unsigned)atoi(e->key + 1), wrong = 0;
	struct believed *b = &r->keys[n % KEYS];
	bool gone = e->what & (SPL_UNSET | SPL_EXPIRED);
	bool set = e->what & (SPL_CREATED | SPL_CHANGED | SPL_PRESENT);
	char key[8];

	key_name(key, n % KEYS);
	wrong += strcmp(key, e->key) != 0 || gone == set;
	/* Each epoch once: a key that went is named with its last one. */
	wrong += gone ? e->epoch != b->epoch : e->epoch <= b->epoch;
	wrong += gone && !b->there;
	wrong += e->what == SPL_CREATED && b->there;
	wrong += e->what == SPL_CHANGED && (!b->there || !e->changes);
	if (gone)
		wrong += e->len != b->len;
	/* A value that was told without a time to live was not kept. */
	if (r->flags & SPL_FEED_VALUES && (set || e->value)) {
		wrong += !e->value || e->len >= VALUE || e->what == SPL_UNSET;
		if (!wrong && gone)
			wrong += memcmp(e->value, b->value, e->len) != 0;
		if (!wrong)
			memcpy(b->value, e->value, e->len);
		wrong += strncmp(b->value, key, strlen(key)) != 0;
	}
	b->there = set;
	b->epoch = e->epoch;
	b->len = e->len;
	return wrong;
}

static void
take_in(struct reader *r, const struct spl_event *e)
{
	unsigned wrong = 0;

	if (e->what == SPL_MISSED) {
		r->missed += e->changes;
		r->synced = false;
	} else if (e->what == SPL_SYNCED) {
		wrong += r->synced;
		r->synced = true;
	} else {
		wrong += believe(r, e);
	}
	/* What expired has the sequence of what was told before. */
	wrong += e->sequence < r->sequence;
	r->sequence = e->sequence;
	r->events++;
	if (wrong && !r->wrong)
		printf("# first wrong: %u of '%s', sequence %llu, epoch %llu\n",
			e->what, e->key, (unsigned long long)e->sequence,
			(unsigned long long)e->epoch);
	r->wrong += wrong;
}

/* For a while, measured by what others do: at times more than the ring. */
static void
pause_somewhat(struct reader *r)
{
	uint64_t pick = tap_random(&r->random), far = r->s->geo.feed_len;
	struct spl_store_stat info;

	spl_store_info(r->s, &info);
	uint64_t until =
		info.epoch + (pick % 16 ? pick % 64 : pick % (2 * far));
	while (writers_run() && !spl_store_info(r->s, &info) &&
		info.epoch < until)
		unit_moment();
}

static bool
read_some(struct reader *r, uint64_t timeout_ms)
{
	struct spl_event events[ROOM];
	size_t count = 1 + tap_random(&r->random) % ROOM;
	int n = spl_feed_read(r->feed, events, count, timeout_ms);

	for (int i = 0; i < n; i++)
		take_in(r, &events[i]);
	r->wrong += n < 0 || !hear_adds_up(r->feed);
	return n > 0;
}

/* How many keys are not as they are believed to be. */
static unsigned
differences(struct reader *r)
{
	unsigned wrong = 0, there = 0;
	struct spl_key_stat stat;
	spl_list *list;

	if (spl_list_begin(r->s, r->going ? "a" : NULL, NULL, &list))
		abort();
	while (spl_list_next(list, &stat) == 1) {
		struct believed *b = &r->keys[atoi(stat.key + 1)];
		char value[VALUE];
		there++;
		wrong += !b->there || b->epoch != stat.epoch ||
			 b->len != stat.len;
		if (r->flags & SPL_FEED_VALUES)
			wrong += spl_get(r->s, stat.key, value, VALUE, NULL) ||
				 memcmp(value, b->value, stat.len) != 0;
	}
	spl_list_end(list);
	for (int i = 0; i < KEYS; i++)
		there -= r->keys[i].there;
	return wrong + (there != 0);
}

static void
becomes_the_store(uint32_t kind, uint32_t flags, const char *prefix)
{
	/* Fewer slots than keys: they come back in others. */
	spl_store *s = unit_store(kind, 8, VALUE);
	spl_store *again = unit_again(s, prefix ? SPL_READ_ONLY : 0);
	struct spl_feed_options o;
	struct writer writers[WRITERS];
	struct reader r = {.s = s,
		.flags = flags,
		.random = tap_seed(),
		.going = prefix != NULL,
		.synced = !(flags & SPL_FEED_SNAPSHOT)};

	spl_feed_options_init(&o);
	o.flags = flags;
	o.prefix = prefix;
	r.feed = hear_open(again, &o);
	running = WRITERS;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.s = s,
			.random = r.random * (unsigned)(2 * i + 3) | 1,
			.changes = (unsigned)tap_scale(30000, 2000)};
		pthread_create(
			&writers[i].thread, NULL, write_some, &writers[i]);
	}
	while (writers_run()) {
		pause_somewhat(&r);
		read_some(&r, 1);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		r.wrong += writers[i].failed;
	}
	/* The last times to live are over; then all has been told. */
	for (unsigned i = 0; i < KEYS; i++) {
		struct spl_key_stat stat;
		char key[8];
		key_name(key, i);
		while (!spl_stat(s, key, &stat) && stat.ttl_ms != UINT64_MAX)
			unit_moment();
	}
	while (read_some(&r, 0))
		;
	unsigned different = differences(&r);
	CHECK(!r.wrong && !different && r.synced,
		"%u events, %llu missed: %u wrong, %u different", r.events,
		(unsigned long long)r.missed, r.wrong, different);
	CHECK(hear_info(r.feed).missed == r.missed &&
			hear_info(r.feed).events == r.events,
		"what the feed says of itself");
	spl_feed_close(r.feed);
	spl_close(again);
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

void
test_follow_model(void)
{
	for (int i = 0; i < 2; i++) {
		becomes_the_store(unit_kinds[i], 0, NULL);
		becomes_the_store(unit_kinds[i], SPL_FEED_VALUES, NULL);
	}
	becomes_the_store(TEST_KIND, SPL_FEED_VALUES | SPL_FEED_SNAPSHOT, NULL);
	becomes_the_store(TEST_KIND, SPL_FEED_VALUES, "a");
}
