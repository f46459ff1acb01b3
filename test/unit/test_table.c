/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - probing, reach, and what many turnovers do to them.
 */
#include <string.h>

#include "swap.h"
#include "unit.h"

static uint64_t
home_of(const spl_store *s, const char *key)
{
	return spli_hash_home(spli_hash(key, strlen(key)), s->geo.entries);
}

static uint64_t
slot_of(const spl_store *s, const char *key)
{
	struct spli_key k;
	struct spli_spot spot;

	if (spli_key_make(&k, key) || spli_table_find(s, &k, &spot))
		return UINT64_MAX;
	return spot.slot;
}

struct reaches {
	uint64_t most, sum;
};

static struct reaches
reaches(const spl_store *s)
{
	struct reaches r = {0};

	for (uint64_t i = 0; i < s->geo.entries; i++) {
		uint64_t reach = s->table[i].reach;
		r.sum += reach;
		r.most = reach > r.most ? reach : r.most;
	}
	return r;
}

static void
reach_follows_keys(void)
{
	spl_store *s = unit_store(TEST_KIND, 100, 8);
	char key[16];

	CHECK(reaches(s).sum == 0, "an empty table reaches nowhere");
	unit_set(s, "a", "1");
	CHECK(s->table[home_of(s, "a")].reach == 1 && reaches(s).sum == 1,
		"the first key is at home");
	for (int i = 0; i < 99; i++) {
		unit_text(key, sizeof key, "%d", i);
		unit_set(s, key, key);
	}
	CHECK(!unit_wrong_reaches(s),
		"each reach is the farthest key's distance");
	for (int i = 0; i < 99; i += 2) {
		unit_text(key, sizeof key, "%d", i);
		spl_unset(s, key);
	}
	CHECK(!unit_wrong_reaches(s), "also after half of them went");
	for (int i = 1; i < 99; i += 2) {
		unit_text(key, sizeof key, "%d", i);
		spl_unset(s, key);
	}
	CHECK(spl_unset(s, "a") == 1, "the last one goes");
	CHECK(reaches(s).sum == 0, "it shrinks to nothing");
	unit_drop(s);
}

static void
former_entry_is_reused(void)
{
	spl_store *s = unit_store(TEST_KIND, 200, 8);
	uint64_t slots[200], moved = 0;
	char key[16];

	for (int i = 0; i < 200; i++) {
		unit_text(key, sizeof key, "k%d", i);
		unit_set(s, key, "");
		slots[i] = slot_of(s, key);
	}
	for (int i = 0; i < 200; i++) {
		unit_text(key, sizeof key, "k%d", i);
		spl_unset(s, key);
		moved += slot_of(s, key) != UINT64_MAX;
		unit_set(s, key, "");
		moved += slot_of(s, key) != slots[i];
	}
	CHECK(!moved, "a key that returns comes to its former entry");
	unit_drop(s);
}

/* Keys by the home they have, found by trying. */
static void
keys_of_home(const spl_store *s, uint64_t home, char (*keys)[16], int count)
{
	unsigned n = 0;

	for (int i = 0; i < count; i++)
		do
			unit_text(keys[i], sizeof *keys, "h%u", n++);
		while (home_of(s, keys[i]) != home);
}

/* All keys of one home, the last entry: they wrap around the table's end. */
static void
probing_wraps(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	uint64_t last = s->geo.entries - 1, wrong = 0;
	char keys[9][16];

	keys_of_home(s, last, keys, 9);
	for (int i = 0; i < 8; i++)
		wrong += unit_set(s, keys[i], keys[i]) != 0;
	CHECK(!wrong && s->table[last].reach == 8, "eight keys of one home");
	CHECK(slot_of(s, keys[0]) == last && slot_of(s, keys[1]) == 0 &&
			slot_of(s, keys[7]) == 6,
		"they go on at the table's start");
	for (int i = 0; i < 8; i++)
		wrong += !unit_is(s, keys[i], keys[i]);
	CHECK(!wrong && !unit_wrong_reaches(s), "all are found");
	CHECK_RC(unit_set(s, keys[8], ""), -ENOSPC);
	CHECK_RC(spl_get(s, keys[8], NULL, 0, NULL), -ENOENT);
	/* A gap does not hide those behind it. */
	CHECK(spl_unset(s, keys[3]) > 0 && unit_is(s, keys[7], keys[7]),
		"a key behind a gap is found");
	CHECK_RC(unit_set(s, keys[8], keys[8]), 0);
	CHECK(slot_of(s, keys[8]) == 2, "a new key takes the first gap");
	spl_unset(s, keys[7]);
	CHECK(s->table[last].reach == 7, "the reach shrinks with the last");
	unit_drop(s);
}

/* Two gaps before a key: its own is the second. */
static void
of_two_gaps(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	char keys[5][16];

	keys_of_home(s, 0, keys, 5);
	for (int i = 0; i < 4; i++)
		unit_set(s, keys[i], "");
	spl_unset(s, keys[1]);
	spl_unset(s, keys[2]);
	unit_set(s, keys[2], "");
	CHECK(slot_of(s, keys[2]) == 2, "a key returns to its former entry");
	spl_unset(s, keys[2]);
	unit_set(s, keys[4], "");
	CHECK(slot_of(s, keys[4]) == 1, "a new one takes the first gap");
	unit_drop(s);
}

/* Equal hashes are rare, so one is forged. */
static void
equal_hashes_are_two_keys(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spli_key a, b;
	struct spli_spot spot, other;
	struct spli_set set = {.action = SPLI_SET, .key = &b};

	unit_set(s, "a", "1");
	spli_key_make(&a, "a");
	spli_key_make(&b, "b");
	b.hash = a.hash;
	CHECK_RC(spli_table_find(s, &b, &spot), -ENOENT);
	CHECK_RC(spli_set(s, &set), 0);
	CHECK_RC(spli_table_find(s, &a, &spot), 0);
	CHECK_RC(spli_table_find(s, &b, &other), 0);
	CHECK(spot.slot != other.slot, "two keys of one hash have two slots");
	CHECK(spl_unset(s, "a") == 1, "one of them goes");
	CHECK_RC(spli_table_find(s, &a, &spot), -ENOENT);
	CHECK_RC(spli_table_find(s, &b, &other), 0);
	unit_drop(s);
}

/* Prefixes of one another, also at the eight-byte words' borders. */
static void
prefixes_are_other_keys(void)
{
	spl_store *s = unit_store(TEST_KIND, 64, 64);
	char key[64] = {0};
	unsigned wrong = 0;

	for (int len = 1; len < 64; len++) {
		key[len - 1] = 'x';
		wrong += unit_set(s, key, key) != 0;
	}
	for (int len = 63; len > 0; len--) {
		wrong += !unit_is(s, key, key);
		wrong += spl_unset(s, key) != len;
		wrong += !unit_is(s, key, NULL);
		key[len - 1] = '\0';
	}
	CHECK(!wrong, "63 keys that are prefixes of one another");
	CHECK(unit_keys(s) == 0, "all went");
	unit_drop(s);
}

/* To the last byte, and with equal hashes as well. */
static void
keys_are_compared_whole(void)
{
	struct spli_block block = {0};
	struct spli_key key;
	unsigned wrong = 0;
	char text[64] = {0};

	for (size_t len = 1; len < 64; len++) {
		text[len - 1] = 'x';
		memcpy(block.key, text, sizeof text);
		spli_key_make(&key, text);
		wrong += !spli_block_has_key(&block, &key);
		for (size_t i = 0; i < len; i++) {
			char *byte = (char *)block.key + i;
			*byte = 'y';
			wrong += spli_block_has_key(&block, &key);
			*byte = 'x';
		}
		if (len < 63) {
			((char *)block.key)[len] = 'x';
			wrong += spli_block_has_key(&block, &key);
		}
	}
	CHECK(!wrong, "keys of any length, with another byte, or one more");
}

/* What is in a reference's slot now, and begins like its key. */
static void
another_in_its_place(void)
{
	char key[64] = "kkkkkkkk", other[64];
	unsigned met = 0, wrong = 0, lens[] = {8, 9, 15, 16, 40};
	char got[8];

	for (unsigned i = 0; i < 40 * sizeof lens / sizeof *lens; i++) {
		unsigned len = lens[i / 40];
		spl_store *s = unit_store(TEST_KIND, 1, 8);
		spl_ref *ref = NULL;
		memset(key, 'k', len);
		key[len] = '\0';
		/* Longer, or of another end. */
		unit_text(other, sizeof other, "%s%u", key, i);
		if (i % 2 && len > 9)
			unit_text(&other[len - 2], 3, "%02u", i % 100);
		unit_set(s, key, "old");
		spl_ref_open(s, key, &ref);
		spl_ref_get(ref, got, sizeof got, NULL);
		uint64_t slot = slot_of(s, key);
		spl_unset(s, key);
		unit_set(s, other, "new");
		met += slot_of(s, other) == slot;
		wrong += spl_ref_get(ref, got, sizeof got, NULL) != -ENOENT;
		spl_ref_close(ref);
		unit_drop(s);
	}
	CHECK(met && !wrong, "%u keys in the place of one that begins alike",
		met);
}

/* Whatever a peer says is reserved. */
static void
no_block_outside(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	uint64_t low = s->header->low, high = s->header->high;

	s->header->low = 0;
	s->header->high = UINT64_MAX;
	CHECK(!spli_block(s, 0) && spli_block(s, 1) &&
			spli_block(s, s->geo.blocks) &&
			!spli_block(s, s->geo.blocks + 1) &&
			!spli_block(s, UINT64_MAX),
		"the first and the last block, and none beside them");
	s->header->low = low;
	s->header->high = high;
	unit_drop(s);
}

/*
 * A full store whose keys are all replaced, over and over: misses stay
 * short. What a miss costs is its home's reach.
 */
static void
turnovers_do_not_decay(void)
{
	uint64_t slots = tap_scale(1000, 200);
	unsigned turns = (unsigned)tap_scale(100, 10);
	spl_store *s = unit_store(TEST_KIND, slots, 8);
	unsigned failed = 0, n = 0;
	char key[32];

	for (; n < slots; n++) {
		unit_text(key, sizeof key, "session:%08u", n);
		failed += unit_set(s, key, "") != 0;
	}
	for (; n < turns * slots; n++) {
		unit_text(key, sizeof key, "session:%08u", n - (unsigned)slots);
		failed += spl_unset(s, key) != 0;
		unit_text(key, sizeof key, "session:%08u", n);
		failed += unit_set(s, key, "") != 0;
	}
	struct reaches r = reaches(s);
	CHECK(!failed, "%u turnovers of a full store", turns);
	CHECK(!unit_wrong_reaches(s), "each reach is exact");
	CHECK(r.most < 64, "the longest miss looks at %u entries",
		(unsigned)r.most);
	CHECK(r.sum < 3 * s->geo.entries, "a miss looks at %.2f on average",
		(double)r.sum / (double)s->geo.entries);
	for (unsigned i = n - (unsigned)slots; i < n; i++) {
		unit_text(key, sizeof key, "session:%08u", i);
		failed += spl_unset(s, key) != 0;
	}
	CHECK(!failed && reaches(s).sum == 0,
		"emptied, it reaches nowhere again");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

void
test_table(void)
{
	reach_follows_keys();
	former_entry_is_reused();
	probing_wraps();
	of_two_gaps();
	equal_hashes_are_two_keys();
	prefixes_are_other_keys();
	keys_are_compared_whole();
	another_in_its_place();
	no_block_outside();
	turnovers_do_not_decay();
}
