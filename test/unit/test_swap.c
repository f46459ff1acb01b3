/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap.c - get, set and unset: values, epochs, conditions, a full store.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/statvfs.h>

#include "swap.h"
#include "unit.h"

static void
values_of_every_length(uint32_t kind)
{
	enum { MAX = 300 };
	spl_store *s = unit_store(kind, 4, MAX);
	uint8_t value[MAX + 1], got[MAX + 1];
	unsigned wrong = 0;
	size_t len;

	for (size_t n = 0; n <= MAX; n++) {
		for (size_t i = 0; i < n; i++)
			value[i] = (uint8_t)(i * 7 + n);
		memset(got, 0xee, sizeof got);
		len = 12345;
		wrong += spl_set(s, "k", value, n) != 0;
		wrong += spl_get(s, "k", got, MAX, &len) != 0;
		wrong += len != n || memcmp(got, value, n) || got[n] != 0xee;
	}
	CHECK(!wrong, "values of 0 to max bytes, any bytes");
	CHECK_RC(spl_set(s, "k", value, MAX + 1), -EMSGSIZE);
	CHECK_RC(spl_set(s, "k", value, SIZE_MAX), -EMSGSIZE);
	CHECK_RC(spl_set(s, "new", value, MAX + 1), -EMSGSIZE);
	CHECK_RC(spl_get(s, "new", NULL, 0, NULL), -ENOENT);
	CHECK(!spl_get(s, "k", got, MAX, &len) && len == MAX &&
			!memcmp(got, value, MAX),
		"what is too big leaves the key as it was");
	/* Longer, shorter, longer: nothing of the longer shows through. */
	for (size_t n = 0; n <= MAX; n += 50) {
		memset(value, 'l', MAX);
		wrong += spl_set(s, "k", value, MAX) != 0;
		memset(value, 's', n);
		wrong += spl_set(s, "k", value, n) != 0;
		wrong += spl_get(s, "k", got, MAX, &len) || len != n ||
			 memcmp(got, value, n);
	}
	CHECK(!wrong, "shorter values over longer ones");
	unit_drop(s);
}

static void
sizes_without_values(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 100);
	char buf[8] = "-------";
	size_t len = 99;

	unit_set(s, "k", "hello");
	CHECK_RC(spl_get(s, "k", NULL, 0, &len), 0);
	CHECK(len == 5, "a null buffer asks for the size");
	CHECK_RC(spl_get(s, "k", NULL, 0, NULL), 0);
	len = 99;
	CHECK_RC(spl_get(s, "k", buf, 4, &len), -EMSGSIZE);
	CHECK(len == 5, "the size comes with EMSGSIZE as well");
	CHECK(!strcmp(buf, "-------"), "and nothing else");
	CHECK_RC(spl_get(s, "k", buf, 0, &len), -EMSGSIZE);
	CHECK_RC(spl_get(s, "k", buf, 5, NULL), 0);
	CHECK(!memcmp(buf, "hello--", 7), "exactly the value is copied");
	len = 99;
	CHECK_RC(spl_get(s, "none", buf, 8, &len), -ENOENT);
	CHECK(len == 99, "no length of what is absent");
	CHECK_RC(spl_set(s, "empty", NULL, 0), 0);
	CHECK_RC(spl_get(s, "empty", buf, 0, &len), 0);
	CHECK(len == 0, "an empty value exists");
	CHECK(spl_unset(s, "empty") == 0, "and is removed");
	unit_drop(s);
}

static void
keys_of_every_kind(uint32_t kind)
{
	static const char *const keys[] = {"a", "A", " ", "\n", "\x01",
		"\xff\xfe", "a/b", "schl\xc3\xbcssel", "..", "%s%n", "1234567",
		"12345678", "123456789"};
	spl_store *s = unit_store(kind, 20, 64);
	struct spl_key_stat stat;
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		wrong += unit_set(s, keys[i], keys[i]) != 0;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		wrong += !unit_is(s, keys[i], keys[i]) ||
			 spl_stat(s, keys[i], &stat) ||
			 strcmp(stat.key, keys[i]) != 0;
	CHECK(!wrong, "keys of any bytes but NUL");
	CHECK(unit_keys(s) == sizeof keys / sizeof *keys, "each its own");
	unit_drop(s);
}

static void
epochs_only_rise(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 8);
	uint64_t last = 0, wrong = 0;

	unit_set(s, "a", "1");
	CHECK(unit_epoch(s, "a") == 2, "2 after the first set in a new store");
	unit_set(s, "a", "1");
	CHECK(unit_epoch(s, "a") == 4, "2 more after the next, of equal bytes");
	unit_set(s, "b", "1");
	CHECK(unit_epoch(s, "b") == 2, "another key starts at 2 as well");
	for (int i = 0; i < 10; i++)
		unit_set(s, "a", "x");
	CHECK(unit_epoch(s, "a") == 24, "ten sets, 20 more");
	CHECK(spl_unset(s, "a") == 1, "unset");
	unit_set(s, "a", "y");
	CHECK(unit_epoch(s, "a") == 26, "it goes on from there over removal");
	unit_set(s, "c", "1");
	CHECK(unit_epoch(s, "c") == 26, "new keys start above any removed one");
	CHECK(unit_epoch(s, "b") == 2, "living ones are not touched");
	spl_unset(s, "b");
	unit_set(s, "b", "1");
	CHECK(unit_epoch(s, "b") == 26, "a low removed one raises nothing");
	for (int i = 0; i < 1000; i++) {
		if (i % 3 == 2)
			spl_unset(s, "a");
		unit_set(s, "a", "z");
		uint64_t epoch = unit_epoch(s, "a");
		wrong += epoch <= last || epoch % 2;
		last = epoch;
	}
	CHECK(!wrong, "always even, never back");
	unit_drop(s);
}

static void
set_if_compares(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 8);
	uint64_t now = 77;

	CHECK_RC(spl_set_if(s, "k", "1", 1, 2, &now), -ESTALE);
	CHECK(now == 0, "0 is found where there is nothing");
	CHECK_RC(spl_get(s, "k", NULL, 0, NULL), -ENOENT);
	CHECK_RC(spl_set_if(s, "k", "1", 1, 0, &now), 0);
	CHECK(now == 2, "0 creates; the new epoch is told");
	CHECK_RC(spl_set_if(s, "k", "2", 1, 0, &now), -ESTALE);
	CHECK(now == 2 && unit_is(s, "k", "1"), "0 only creates");
	CHECK_RC(spl_set_if(s, "k", "2", 1, 2, &now), 0);
	CHECK(now == 4 && unit_is(s, "k", "2"), "the right epoch replaces");
	CHECK_RC(spl_set_if(s, "k", "3", 1, 2, &now), -ESTALE);
	CHECK(now == 4 && unit_is(s, "k", "2"), "an old one does not");
	CHECK_RC(spl_set_if(s, "k", "3", 1, 6, &now), -ESTALE);
	CHECK(now == 4, "nor one to come");
	CHECK_RC(spl_set_if(s, "k", "3", 1, 4, NULL), 0);
	CHECK_RC(spl_set_if(s, "k", "3", 1, 3, NULL), -ESTALE);
	now = 77;
	CHECK_RC(spl_set_if(s, "k", "123456789", 9, 6, &now), -EMSGSIZE);
	CHECK(now == 77, "no epoch with another error");
	CHECK(spl_unset(s, "k") == 1, "removed");
	CHECK_RC(spl_set_if(s, "k", "4", 1, 6, &now), -ESTALE);
	CHECK(now == 0, "a removed key has no epoch");
	CHECK_RC(spl_set_if(s, "k", "4", 1, 0, &now), 0);
	CHECK(now == 8, "and is created above the last one");
	unit_drop(s);
}

static void
unset_tells_the_length(uint32_t kind)
{
	spl_store *s = unit_store(kind, 4, 1000);
	static const char value[1000];

	CHECK_RC(spl_unset(s, "k"), -ENOENT);
	for (size_t len = 0; len <= 1000; len += 500) {
		spl_set(s, "k", value, len);
		CHECK(spl_unset(s, "k") == (int64_t)len, "unset returns %u",
			(unsigned)len);
		CHECK_RC(spl_unset(s, "k"), -ENOENT);
		CHECK_RC(spl_get(s, "k", NULL, 0, NULL), -ENOENT);
	}
	unit_drop(s);
}

static void
a_full_store(uint32_t kind, uint64_t slots)
{
	spl_store *s = unit_store(kind, slots, 8);
	unsigned wrong = 0;
	char key[16];

	for (uint64_t i = 0; i < slots; i++) {
		unit_text(key, sizeof key, "%u", (unsigned)i);
		wrong += unit_set(s, key, key) != 0;
	}
	CHECK(!wrong && unit_keys(s) == slots, "%u keys fit into %u slots",
		(unsigned)slots, (unsigned)slots);
	CHECK_RC(unit_set(s, "more", ""), -ENOSPC);
	CHECK_RC(spl_set_if(s, "more", "", 0, 0, NULL), -ENOSPC);
	CHECK_RC(spl_add(s, "more", 1, NULL), -ENOSPC);
	CHECK_RC(spl_append(s, "more", "", 0, NULL), -ENOSPC);
	CHECK_RC(spl_get(s, "more", NULL, 0, NULL), -ENOENT);
	CHECK_RC(unit_set(s, "0", "updated"), 0);
	CHECK(spl_unset(s, "0") == 7, "one goes");
	CHECK_RC(unit_set(s, "more", "fits"), 0);
	CHECK_RC(unit_set(s, "0", "not"), -ENOSPC);
	CHECK(unit_is(s, "more", "fits") && unit_is(s, "0", NULL),
		"and another takes its place");
	for (uint64_t i = 1; i < slots; i++) {
		unit_text(key, sizeof key, "%u", (unsigned)i);
		wrong += !unit_is(s, key, key);
	}
	CHECK(!wrong && !unit_misplaced(s), "the others are as they were");
	unit_drop(s);
}

/* A million keys, or as many as there is memory for. */
static uint64_t
many(void)
{
	uint64_t slots = tap_scale(1000000, 20000);
	struct statvfs v;

	if (statvfs(TEST_KIND == SPL_FILE ? unit_dir() : "/dev/shm", &v))
		return 1000;
	if (v.f_bavail * v.f_frsize < slots * 320) {
		slots = v.f_bavail * v.f_frsize / 640 + 1;
		printf("# too little room here for more than %llu keys\n",
			(unsigned long long)slots);
	}
	return slots;
}

static void
a_million_keys(void)
{
	uint64_t slots = many(), listed = 0;
	spl_store *s = unit_store(TEST_KIND, slots, 16);
	unsigned wrong = 0;
	struct spl_key_stat stat;
	spl_list *list;
	char key[32];

	for (uint64_t i = 0; i < slots; i++) {
		int n = (int)unit_text(
			key, sizeof key, "key:%010u", (unsigned)i);
		wrong += spl_set(s, key, &i, sizeof i) != 0 || n != 14;
	}
	CHECK(!wrong && unit_keys(s) == slots, "%llu keys to the last slot",
		(unsigned long long)slots);
	CHECK_RC(unit_set(s, "one more", ""), -ENOSPC);
	for (uint64_t i = 0; i < slots; i++) {
		uint64_t got;
		unit_text(key, sizeof key, "key:%010u", (unsigned)i);
		wrong += spl_get(s, key, &got, sizeof got, NULL) || got != i;
	}
	CHECK(!wrong, "all of them hold their values");
	CHECK_RC(spl_list_begin(s, NULL, NULL, &list), 0);
	while (spl_list_next(list, &stat) == 1)
		listed += stat.len == sizeof(uint64_t);
	spl_list_end(list);
	CHECK(listed == slots, "and are listed");
	unit_drop(s);
}

/*
 * Values at offsets of more than 4 GiB. The spare blocks of a thousand
 * writers who never come lie before them, and need no memory.
 */
static void
beyond_four_gib(uint32_t kind)
{
	struct spl_options o = unit_options(kind, 4, 2 << 20);
	struct spl_key_stat stat;
	char got[8], *big = malloc(2 << 20), *back = malloc(2 << 20);
	size_t len;

	o.writers = 1024;
	spl_store *s = unit_store_with(&o);
	for (unsigned i = 0; i < 2 << 20; i++)
		big[i] = (char)(i * 31 >> 3);
	CHECK_RC(unit_set(s, "small", "here"), 0);
	CHECK_RC(spl_set(s, "big", big, 2 << 20), 0);
	CHECK_RC(spl_stat(s, "big", &stat), 0);
	CHECK(stat.val_off > UINT64_C(5) << 30, "a value at %llu",
		(unsigned long long)stat.val_off);
	CHECK(pread(spl_fd(s), back, 2 << 20, (off_t)stat.val_off) == 2 << 20 &&
			!memcmp(big, back, 2 << 20),
		"is there in the region");
	memset(back, 0, 2 << 20);
	CHECK(!spl_get(s, "big", back, 2 << 20, &len) && len == 2 << 20 &&
			!memcmp(big, back, len),
		"and is read");
	spl_store *again = unit_again(s, 0);
	CHECK(!spl_get(again, "small", got, 8, &len) && len == 4,
		"also by another handle");
	spl_close(again);
	CHECK(spl_unset(s, "big") == 2 << 20, "and removed");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
	free(big);
	free(back);
}

static uint64_t
block_of(const spl_store *s, const char *text, uint64_t *slot)
{
	struct spli_key key;
	struct spli_spot spot;

	if (spli_key_make(&key, text) || spli_table_find(s, &key, &spot))
		return 0;
	*slot = spot.slot;
	return spli_word_block(s, spot.word);
}

/* A block that was displaced is left alone for as long as can be. */
static void
the_ring_goes_round(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	uint64_t ids[8], slot, wrong = 0, ring = s->geo.ring;

	unit_set(s, "k", "");
	for (uint64_t i = 0; i < 2 * (ring + 1); i++) {
		unit_set(s, "k", "");
		ids[i] = block_of(s, "k", &slot);
		for (uint64_t j = 1; j <= ring; j++)
			wrong += i >= j && ids[i] == ids[i - j];
		wrong += i > ring && ids[i] != ids[i - ring - 1];
	}
	CHECK(!wrong, "a value is overwritten by the %u-th set after it",
		(unsigned)ring + 1);
	unit_drop(s);
}

/* What a repair would ask of them, and what a later version may use. */
static void
heads_of_blocks(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	const struct spli_writer *w = s->writers;
	uint64_t slot, wrong = 0;
	char key[4];

	for (int i = 0; i < 20; i++) {
		unit_text(key, sizeof key, "%d", i % 3);
		spl_unset(s, key);
		for (uint64_t id = 1; id <= s->geo.blocks; id++)
			if (spli_block(s, id))
				spli_block(s, id)->flags = 7;
		wrong += unit_set(s, key, key) != 0;
		struct spli_block *b = spli_block(s, block_of(s, key, &slot));
		wrong += !b || b->flags || b->expiry || b->born != b->epoch;
		for (uint64_t j = 0; j < s->geo.ring; j++) {
			b = spli_block(s, w->spare[j]);
			wrong += !b || b->owner != 1;
		}
	}
	CHECK(!wrong, "a new value has no flags; spare blocks say whose");
	unit_drop(s);
}

/* Flags of waiters, made odd, and how many changes of the structure are told. */
static void
mark_all(spl_store *s, uint64_t slot)
{
	s->table[slot].waiters = 1;
	s->header->structure_waiters = 1;
	s->feed->waiters = 1;
}

static bool
woke(const spl_store *s, uint64_t slot, uint32_t structural)
{
	return s->table[slot].waiters == 2 && s->feed->waiters == 2 &&
	       s->header->structure_waiters == 1 + structural;
}

static void
changes_wake(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	uint64_t slot = 0, again = 0, structure;

	unit_set(s, "k", "");
	block_of(s, "k", &slot);
	structure = s->header->structure;
	mark_all(s, slot);
	unit_set(s, "k", "");
	CHECK(woke(s, slot, 0) && s->header->structure == structure,
		"an update wakes who waits for its key, or for all");
	mark_all(s, slot);
	spl_unset(s, "k");
	CHECK(woke(s, slot, 1) && s->header->structure == structure + 1,
		"an unset, also who waits for any key to come or go");
	mark_all(s, slot);
	unit_set(s, "k", "");
	block_of(s, "k", &again);
	CHECK(slot == again && woke(s, slot, 1) &&
			s->header->structure == structure + 2,
		"and so does an insert");
	unit_drop(s);
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	o.flags = SPL_WAKE_ALWAYS;
	s = unit_store_with(&o);
	unit_set(s, "k", "");
	block_of(s, "k", &slot);
	CHECK(s->table[slot].waiters == 2 &&
			s->header->structure_waiters == 2 &&
			s->feed->waiters == 2,
		"who wakes always counts as well, and nobody seems to wait");
	unit_drop(s);
}

void
test_swap(void)
{
	for (int i = 0; i < 2; i++) {
		values_of_every_length(unit_kinds[i]);
		keys_of_every_kind(unit_kinds[i]);
		epochs_only_rise(unit_kinds[i]);
		set_if_compares(unit_kinds[i]);
		unset_tells_the_length(unit_kinds[i]);
		a_full_store(unit_kinds[i], 1);
		a_full_store(unit_kinds[i], 2);
		a_full_store(unit_kinds[i], 65);
		beyond_four_gib(unit_kinds[i]);
	}
	sizes_without_values();
	the_ring_goes_round();
	heads_of_blocks();
	changes_wake();
	a_million_keys();
}
