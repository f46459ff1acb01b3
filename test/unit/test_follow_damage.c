/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.c, feed.c - random bytes in ring, table and blocks while feeds are
 * read: each call returns, touches nothing outside, and the feed goes on.
 */
#include <pthread.h>
#include <string.h>

#include "feed.h"
#include "hear.h"

struct target {
	const char *what;
	uint64_t from, len; /* in the region */
};

/* Bytes, words that are large or small, or what was there and a bit of it. */
static void
scribble(spl_store *s, const struct target *t, uint64_t *random)
{
	uint8_t *region = (uint8_t *)s->header;
	uint64_t r = tap_random(random);
	uint64_t at = t->from + (tap_random(random) % (t->len / 8)) * 8;
	uint64_t *word = (uint64_t *)(void *)(region + at);
	uint64_t was = spli_load(word);

	spli_store(word, r % 5 == 0   ? tap_random(random)
			 : r % 5 == 1 ? was + 1
			 : r % 5 == 2 ? was ^ UINT64_C(1) << (r >> 8) % 64
			 : r % 5 == 3 ? 0
				      : UINT64_MAX - (r >> 60));
}

static unsigned
not_bounded(spl_store *s, const struct spl_event *e)
{
	unsigned wrong = 0, sum = 0;

	wrong += e->what == 0 || (e->what & (e->what - 1)) || e->what > 64;
	wrong += !memchr(e->key, '\0', sizeof e->key);
	if (e->value) {
		wrong += e->len > s->geo.max_value;
		for (uint64_t i = 0; i < e->len && !wrong; i++)
			sum += ((const unsigned char *)e->value)[i];
	}
	return wrong + (sum > 255u * 64);
}

static unsigned
read_some(spl_store *s, spl_feed *f)
{
	struct spl_event events[8];
	struct spl_feed_stat stat;
	unsigned wrong = 0;

	for (int i = 0; i < 4; i++) {
		int n = spl_feed_read(f, events, 8, 0);
		if (n <= 0) {
			wrong += n < 0;
			break;
		}
		for (int j = 0; j < n; j++)
			wrong += not_bounded(s, &events[j]);
	}
	return wrong + (spl_feed_info(f, &stat) != 0);
}

static void
change_some(spl_store *s, uint64_t *random)
{
	char key[8];

	for (int i = 0; i < 3; i++) {
		uint64_t r = tap_random(random);
		unit_text(key, sizeof key, "%u", (unsigned)(r >> 8) % 8);
		if (r % 4 == 0)
			spl_unset(s, key);
		else if (r % 4 == 1)
			spl_set_ttl(s, key, key, 1, 1 + r % 2);
		else
			unit_set(s, key, "a value");
	}
}

static void
garbage(uint32_t flags, bool only_reading)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	uint64_t random = tap_seed() | flags;
	const struct spli_geometry *g = &s->geo;
	const struct target targets[] = {
		{"tail", g->feed_off, 8},
		{"cells", g->feed_off + 64, g->feed_len * 8},
		{"the first cells", g->feed_off + 64, 64},
		{"table", g->table_off, g->entries * sizeof(struct spli_entry)},
		{"blocks", g->blocks_off, g->blocks * g->stride / 2},
		{"clocks", offsetof(struct spli_header, clock_floor), 8},
		{"soonest", offsetof(struct spli_header, soonest), 8},
	};
	struct spl_feed_options o;

	for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
		unsigned wrong = 0;
		for (unsigned i = 0; i < tap_scale(20, 4); i++) {
			spl_store *fresh = unit_store(TEST_KIND, 8, 64);
			spl_feed *feeds[3];
			change_some(fresh, &random);
			feeds[0] = hear_flags(fresh, flags);
			spl_feed_options_init(&o);
			o.flags = flags & SPL_FEED_VALUES;
			o.since = 0;
			o.prefix = i % 2 ? "" : "1";
			feeds[1] = hear_open(fresh, &o);
			o.since = UINT64_MAX;
			o.prefix = NULL;
			o.key = "3";
			feeds[2] = hear_open(fresh, &o);
			for (int round = 0; round < 20; round++) {
				if (!only_reading || !round)
					change_some(fresh, &random);
				scribble(fresh, &targets[t], &random);
				for (int f = 0; f < 3; f++)
					wrong += read_some(fresh, feeds[f]);
			}
			for (int f = 0; f < 3; f++)
				spl_feed_close(feeds[f]);
			unit_drop(fresh);
		}
		CHECK(!wrong, "garbage in %s: calls return", targets[t].what);
	}
	unit_drop(s);
}

/* Somebody scribbles all the time; a descriptor's thread reads as well. */
static int stop;

static void *
scribble_on(void *arg)
{
	spl_store *s = arg;
	const struct target cells = {
		"cells", s->geo.feed_off, s->geo.feed_len * 8};
	uint64_t random = 12345;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		scribble(s, &cells, &random);
	return NULL;
}

static void
garbage_all_the_time(void)
{
	/* A slot more than change_some() fills. */
	spl_store *s = unit_store(TEST_KIND, 9, 64);
	spl_feed *a = hear_flags(s, SPL_FEED_VALUES), *b = hear_open(s, NULL);
	uint64_t random = tap_seed();
	pthread_t thread;
	unsigned wrong = 0;

	wrong += spl_feed_fd(b) < 0;
	stop = 0;
	pthread_create(&thread, NULL, scribble_on, s);
	for (unsigned i = 0; i < tap_scale(300, 50); i++) {
		change_some(s, &random);
		wrong += read_some(s, a) + read_some(s, b);
		struct spl_event event;
		wrong += spl_feed_read(a, &event, 1, 1) < 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK(!wrong, "garbage all the time");
	spl_feed_close(a);
	spl_feed_close(b); /* and with it the thread */
	/* What is put right again can be followed. */
	memset(s->feed->cells, 0, s->geo.feed_len * 8);
	spli_store(&s->feed->tail, 0);
	/* Others may just expire. */
	struct spl_feed_options o;
	spl_feed_options_init(&o);
	o.key = "new";
	a = hear_open(s, &o);
	CHECK_RC(unit_set(s, "new", ""), 0);
	CHECK(hear(a, SPL_CREATED, "new"), "a new feed of a new ring");
	spl_feed_close(a);
	unit_drop(s);
}

/* The key in @slot becomes another, as no writer of ours would do it. */
static void
rename_in_place(spl_store *s, uint64_t slot, unsigned number)
{
	uint64_t *at = &s->table[slot].word, word = spli_load(at);
	uint64_t id = spli_word_block(s, word), words[SPLI_KEY_SIZE / 8] = {0};
	uint64_t next = spli_word_next(s, word, id);
	struct spli_block *block = spli_block(s, id);

	unit_text((char *)words, sizeof words, "key-%u", number);
	for (unsigned i = 0; i < SPLI_KEY_SIZE / 8; i++)
		spli_store(&block->key[i], words[i]);
	spli_store(&block->epoch, spli_load(&block->epoch) + 2);
	spli_store(&block->stamp, spli_stamp(s, next, slot));
	spli_store(at, next);
	spli_feed_append(s, slot, SPLI_SET_THERE);
}

/* A peer who only ever brings new keys does not take all memory. */
static void
keys_without_end(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 64);
	spl_feed *f = hear_flags(s, 0);
	struct spl_event event = {0};
	struct spl_peek peek;
	uint64_t most = 0;
	unsigned missed = 0, stays = 0, gone = 0;

	unit_set(s, "stays", "value");
	unit_set(s, "key", "value");
	CHECK_RC(spl_peek_begin(s, "key", &peek), 0);
	uint64_t bound = 2 * (s->geo.entries + s->geo.feed_len);
	for (unsigned i = 0; i < 2 * bound; i++) {
		rename_in_place(s, peek.slot, i);
		while (spl_feed_read(f, &event, 1, 0) == 1) {
			missed += event.what == SPL_MISSED;
			gone += event.what == SPL_UNSET;
			stays += !strcmp(event.key, "stays");
		}
		uint64_t keys = hear_info(f).keys;
		most = keys > most ? keys : most;
	}
	CHECK(most == bound, "a feed remembers %u keys of a store of 4",
		(unsigned)most);
	CHECK(missed && stays == 1 + missed && !gone,
		"then it forgets them, says so, and tells what is there");
	unit_set(s, "new", "");
	while (spl_feed_read(f, &event, 1, 0) == 1)
		if (!strcmp(event.key, "new"))
			break;
	CHECK(event.what == SPL_CREATED, "and goes on");
	spl_feed_close(f);
	unit_drop(s);
}

/*
 * Not broken: a feed so far behind that it meets key after key in the same two
 * slots, each of which has gone before it reads that it came.
 */
static void
keys_that_take_turns(void)
{
	enum { ROUNDS = 12 };
	spl_store *s = unit_store(TEST_KIND, 2, 64);
	struct spl_event event;
	char key[16];
	int there = 2, missed = 0;

	unit_set(s, "a0", "");
	unit_set(s, "b0", "");
	spl_feed *f = hear_flags(s, 0);
	for (unsigned i = 0; i < 20; i++) {
		unit_set(s, "a0", "");
		unit_set(s, "b0", "");
	}
	for (unsigned i = 0; i <= ROUNDS; i++) {
		bool drain = i == ROUNDS;
		for (unsigned j = 0; !drain && j < 4; j++) {
			unit_text(key, sizeof key, "%c%u", "ab"[j % 2],
				i + j / 2);
			if (j < 2)
				spl_unset(s, key);
			else
				unit_set(s, key, "");
		}
		while (spl_feed_read(f, &event, 1, 0) == 1) {
			there += event.what == SPL_CREATED;
			there -= event.what == SPL_UNSET;
			missed += event.what == SPL_MISSED;
			if (!drain)
				break;
		}
	}
	CHECK(there == 2 && !missed, "whose end is told of each that was told");
	spl_feed_close(f);
	unit_drop(s);
}

void
test_follow_damage(void)
{
	keys_that_take_turns();
	keys_without_end();
	garbage(0, false);
	garbage(SPL_FEED_VALUES, false);
	garbage(SPL_FEED_VALUES | SPL_FEED_SNAPSHOT, true);
	garbage_all_the_time();
}
