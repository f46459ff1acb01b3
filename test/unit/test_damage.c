/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region that a broken peer has scribbled on: calls may fail, but neither
 * read outside of it, nor loop.
 */
#include <pthread.h>
#include <string.h>

#include "swap.h"
#include "unit.h"

static struct spli_block *
block_of(spl_store *s, const char *key, uint64_t *slot)
{
	struct spl_peek peek;

	if (spl_peek_begin(s, key, &peek))
		abort();
	*slot = peek.slot;
	return spli_block(s, spli_word_block(s, peek.word));
}

/* All calls on one damaged key give EBADMSG; a walk passes over it. */
static void
all_say_damaged(spl_store *s, const char *what)
{
	struct spl_key_stat stat;
	struct spl_peek peek;
	spl_list *list;
	char buf[16];
	int met = 0, damaged = 0, rc;

	CHECK(spl_get(s, "k", buf, sizeof buf, NULL) == -EBADMSG &&
			spl_get(s, "k", NULL, 0, NULL) == -EBADMSG &&
			spl_stat(s, "k", &stat) == -EBADMSG &&
			spl_peek_begin(s, "k", &peek) == -EBADMSG &&
			spl_wait(s, "k", 0, 0, NULL) == -EBADMSG,
		"%s: EBADMSG from reads", what);
	spl_list_begin(s, NULL, NULL, &list);
	while ((rc = spl_list_next(list, &stat)) != 0) {
		met += rc == 1;
		damaged += rc == -EBADMSG;
	}
	spl_list_end(list);
	CHECK(met == 1 && damaged == 1, "%s: a walk passes over it", what);
	CHECK(unit_is(s, "other", "fine"), "%s: other keys are fine", what);
}

static void
damaged_values(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 16);
	uint64_t slot;

	unit_set(s, "k", "value");
	unit_set(s, "other", "fine");
	struct spli_block *b = block_of(s, "k", &slot);
	struct spli_entry *entry = &s->table[slot];
	uint64_t word = entry->word, stamp = b->stamp;

	static const uint32_t lengths[] = {17, 4096, UINT32_MAX};
	for (size_t i = 0; i < 3; i++) {
		b->len = lengths[i];
		all_say_damaged(s, "a length beyond max_value");
	}
	b->len = 5;
	b->stamp = stamp + 1;
	all_say_damaged(s, "another stamp");
	CHECK_RC(unit_set(s, "k", "x"), -EBADMSG);
	CHECK_RC(spl_append(s, "k", "x", 1, NULL), -EBADMSG);
	CHECK_RC(spl_add(s, "k", 1, NULL), -EBADMSG);
	CHECK_RC(spl_set_if(s, "k", "x", 1, 0, NULL), -EBADMSG);
	CHECK_RC(spl_unset(s, "k"), -EBADMSG);
	b->stamp = stamp;
	static const uint64_t ids[] = {1, 0xffff};
	for (size_t i = 0; i < 2; i++) {
		entry->word = spli_word(s, word, ids[i]);
		all_say_damaged(s, "a block that is not reserved");
		CHECK_RC(unit_set(s, "k", "x"), -EBADMSG);
	}
	entry->word = word;
	CHECK(unit_is(s, "k", "value"), "undone, it is there again");
	b->len = 4096;
	CHECK_RC(spl_add(s, "k", 1, NULL), -EBADMSG);
	CHECK_RC(unit_set(s, "k", "mended"), 0);
	CHECK(unit_is(s, "k", "mended"), "a set mends a value's length");
	unit_drop(s);
}

static void
damaged_marks(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	struct spli_header was = *s->header;
	struct spl_peek peek;

	unit_set(s, "k", "value");
	CHECK_RC(spl_peek_begin(s, "k", &peek), 0);
	was = *s->header;
	s->header->high = 0;
	CHECK_RC(spl_get(s, "k", NULL, 0, NULL), -EBADMSG);
	/* Not the caller's mistake: he begins again, and is told. */
	CHECK_RC(spl_peek_stable(s, &peek), -ESTALE);
	CHECK_RC(spl_peek_begin(s, "k", &peek), -EBADMSG);
	CHECK_RC(unit_set(s, "new", ""), -EBADMSG);
	s->header->high = UINT64_MAX;
	CHECK(unit_is(s, "k", "value"), "a mark beyond the end harms no read");
	s->header->low = UINT64_MAX;
	CHECK_RC(spl_get(s, "k", NULL, 0, NULL), -EBADMSG);
	spl_store *again = unit_again(s, SPL_PREFAULT);
	CHECK_RC(unit_set(again, "k", "x"), -EBADMSG);
	spl_close(again);
	*s->header = was;
	CHECK(unit_is(s, "k", "value") && !unit_set(s, "new", ""),
		"undone, all is well");
	unit_drop(s);
}

/* A length beyond max_value is believed by nobody who has room for it. */
static void
too_long_is_not_copied(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	char buf[256], untouched[256];
	uint64_t slot;

	unit_set(s, "k", "value");
	block_of(s, "k", &slot)->len = 200;
	memset(buf, '-', sizeof buf);
	memcpy(untouched, buf, sizeof buf);
	CHECK_RC(spl_get(s, "k", buf, sizeof buf, NULL), -EBADMSG);
	CHECK(!memcmp(buf, untouched, sizeof buf),
		"nothing of a value that is too long is copied");
	unit_drop(s);
}

/* A key in shared memory need not end. */
static void
a_key_without_end(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	char key[SPLI_KEY_SIZE + 1];
	struct spli_read read = {0};
	struct spli_spot spot;
	uint64_t slot;

	unit_set(s, "k", "value");
	memset(block_of(s, "k", &slot)->key, 'x', SPLI_KEY_SIZE);
	memset(key, '-', sizeof key);
	CHECK_RC(spli_slot_read(s, slot, key, &read, &spot), 1);
	CHECK(strnlen(key, sizeof key) == SPL_KEY_MAX,
		"a key without an end is cut off");
	unit_drop(s);
}

/* What an insert needs is not there: an error, and nothing has changed. */
static void
no_room_for_an_insert(void)
{
	enum { ENTRIES = 8 };
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	uint64_t words[ENTRIES], low = s->header->low;

	/* Until the ring's own blocks are in the table, then one goes back. */
	unit_set(s, "a", "1");
	unit_set(s, "b", "2");
	unit_set(s, "c", "3");
	spl_unset(s, "a");
	low = s->header->low;
	s->header->low = s->geo.ring_blocks + 1;
	CHECK_RC(unit_set(s, "new", ""), -EBADMSG);
	s->header->low = low;
	CHECK(unit_is(s, "new", NULL) && unit_is(s, "b", "2"),
		"a free block that is not reserved is not given out");
	if (s->geo.entries != ENTRIES)
		abort();
	for (int i = 0; i < ENTRIES; i++) {
		words[i] = s->table[i].word;
		if (!spli_word_block(s, words[i]))
			s->table[i].word = spli_word(s, words[i], 1);
	}
	CHECK_RC(unit_set(s, "new", ""), -EBADMSG);
	for (int i = 0; i < ENTRIES; i++)
		s->table[i].word = words[i];
	CHECK(unit_is(s, "new", NULL) && !unit_misplaced(s),
		"nor is there a key where no entry is empty");
	CHECK_RC(unit_set(s, "new", ""), 0);
	unit_drop(s);
}

/* A key that is overwritten without end, as far as a reader can tell. */
struct flicker {
	spl_store *s;
	uint64_t *word, was;
	bool stop;
};

static void *
flicker(void *arg)
{
	struct flicker *f = arg;
	uint64_t block = spli_word_block(f->s, f->was);

	/* Always another generation, never that of the block's stamp. */
	for (uint64_t i = 1; !__atomic_load_n(&f->stop, __ATOMIC_RELAXED); i++)
		spli_store_release(f->word,
			spli_word(f->s, f->was + 1 + i % 1000003, block));
	return NULL;
}

static void
overwritten_without_end(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	struct flicker f = {.s = s};
	pthread_t thread;
	uint64_t slot;
	int rc;

	unit_set(s, "k", "value");
	block_of(s, "k", &slot);
	f.word = &s->table[slot].word;
	f.was = *f.word;
	spli_store(f.word, f.was + 1);
	pthread_create(&thread, NULL, flicker, &f);
	/* Had the thread no turn during a call, the word looks broken. */
	do
		rc = spl_get(s, "k", NULL, 0, NULL);
	while (rc == -EBADMSG);
	CHECK_RC(rc, -EAGAIN);
	__atomic_store_n(&f.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	unit_drop(s);
}

static void
scribble(spl_store *s, uint64_t *seed)
{
	struct {
		void *at;
		uint64_t len;
	} parts[] = {
		{&s->header->flags, 24},
		{&s->header->hint, 28},
		{s->table, s->geo.entries * sizeof *s->table},
		{s->table, s->geo.entries * sizeof *s->table},
		{s->pool, (s->geo.blocks + 63) / 64 * 8},
		{s->feed, 128},
		{s->writers->spare, sizeof s->writers->spare},
		{&s->writers->pos, 4},
		{s->blocks + (s->geo.ring_blocks - 3) * s->geo.stride,
			6 * s->geo.stride},
	};
	uint64_t part = tap_random(seed) % (sizeof parts / sizeof *parts);
	uint8_t *bytes = parts[part].at;
	static const uint8_t extremes[] = {0, 0xff, 0x7f, 0x80};

	for (int i = 0; i < 8; i++) {
		uint64_t at = tap_random(seed) % parts[part].len;
		uint64_t r = tap_random(seed);
		bytes[at] = r & 1 ? extremes[r >> 1 & 3] : (uint8_t)(r >> 8);
	}
}

static void
use_everything(spl_store *s, uint64_t *seed)
{
	char key[8], buf[64];
	struct spl_key_stat stat;
	struct spl_store_stat info;
	struct spl_peek peek;
	spl_list *list;
	size_t len;

	unit_text(key, sizeof key, "k%u", (unsigned)(tap_random(seed) % 12));
	spl_get(s, key, buf, sizeof buf, &len);
	spl_get(s, key, buf, 3, &len);
	spl_stat(s, key, &stat);
	spl_set(s, key, "0123456789", tap_random(seed) % 11);
	spl_add(s, "n", 1, NULL);
	spl_append(s, key, "0123456789", tap_random(seed) % 11, NULL);
	spl_set_if(s, key, "x", 1, unit_epoch(s, key), NULL);
	if (!spl_peek_begin(s, key, &peek)) {
		memcpy(buf, peek.data, peek.len < 64 ? peek.len : 64);
		spl_peek_stable(s, &peek);
	}
	if (tap_random(seed) % 2)
		spl_unset(s, key);
	spl_wait(s, key, 0, 0, NULL);
	spl_store_info(s, &info);
	spl_set_auto_vacuum(s, tap_random(seed) % 2, NULL);
	if (!spl_list_begin(s, "k", NULL, &list)) {
		int met = 0;
		while (spl_list_next(list, &stat) != 0)
			met++;
		EXPECT(met <= (int)s->geo.entries);
		spl_list_end(list);
	}
}

/* In a child: a wrong step ends it by a signal. */
static void
scribbled_on(void *arg)
{
	uint64_t *seed = arg;
	int rounds = (int)tap_scale(60, 6);

	for (int i = 0; i < rounds; i++) {
		struct spl_options o = unit_options(SPL_MEMFD, 10, 40);
		spl_store *s = NULL;
		if (!EXPECT(spl_create("scribbled", &o, &s) == 0))
			return;
		for (int j = 0; j < 100; j++) {
			if (j > 15)
				scribble(s, seed);
			use_everything(s, seed);
		}
		spl_close(s);
	}
}

void
test_damage(void)
{
	uint64_t seed = tap_seed();

	for (int i = 0; i < 2; i++)
		damaged_values(unit_kinds[i]);
	damaged_marks();
	too_long_is_not_copied();
	a_key_without_end();
	no_room_for_an_insert();
	overwritten_without_end();
	CHECK(!unit_run(scribbled_on, &seed),
		"random bytes all over the region crash nothing");
}
