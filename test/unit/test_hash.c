/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - FNV-1a by its published vectors, and how keys spread.
 */
#include <string.h>

#include "unit.h"

static void
known_vectors(void)
{
	static const struct {
		const char *text;
		uint64_t hash;
	} known[] = {
		{"", UINT64_C(0xcbf29ce484222325)},
		{"a", UINT64_C(0xaf63dc4c8601ec8c)},
		{"b", UINT64_C(0xaf63df4c8601f1a5)},
		{"foobar", UINT64_C(0x85944171f73967e8)},
		{"foo", UINT64_C(15902901984413996407)},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		CHECK(spli_hash(known[i].text, strlen(known[i].text)) ==
				known[i].hash,
			"FNV-1a of \"%s\"", known[i].text);
	CHECK(spli_hash("\0", 1) != spli_hash("", 0), "a zero byte counts");
	CHECK(spli_hash("\xff", 1) == UINT64_C(0xaf64724c8602eb6e),
		"bytes are unsigned");
}

static void
homes_are_entries(void)
{
	static const uint64_t counts[] = {
		2, 3, 4, 1000, 2048, 2 << 20, UINT64_C(1) << 31};
	uint64_t seed = tap_seed();
	unsigned outside = 0;

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		outside += spli_hash_home(0, counts[i]) >= counts[i];
		outside += spli_hash_home(UINT64_MAX, counts[i]) >= counts[i];
		for (unsigned j = 0; j < 10000; j++)
			outside += spli_hash_home(tap_random(&seed),
					   counts[i]) >= counts[i];
	}
	CHECK(!outside, "a home is always an entry of the table");
}

/* Keys that differ in a digit or a letter: the usual case. */
static void
similar_keys_spread(void)
{
	static const char *const shapes[] = {"%06u", "user:%u:name",
		"session/2024/01/01/%010u/state", "%u", "k%08x"};
	enum { KEYS = 10000, ENTRIES = 2 * KEYS };
	static uint8_t load[ENTRIES];

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		unsigned fullest = 0, empty = 0;
		memset(load, 0, sizeof load);
		for (unsigned n = 0; n < KEYS; n++) {
			char key[64];
			unit_text(key, sizeof key, shapes[i], n);
			load[spli_hash_home(
				spli_hash(key, strlen(key)), ENTRIES)]++;
		}
		for (unsigned e = 0; e < ENTRIES; e++) {
			fullest = load[e] > fullest ? load[e] : fullest;
			empty += !load[e];
		}
		/* Chance alone gives 60.7 % empty, and 7 at most, about. */
		CHECK(fullest <= 10 && empty < ENTRIES * 64 / 100,
			"keys like %s spread: %u in one home, %u homes empty",
			shapes[i], fullest, empty);
	}
}

static void
keys_are_made(void)
{
	char text[80];
	struct spli_key key, shorter;

	memset(text, 'x', sizeof text);
	text[63] = '\0';
	CHECK_RC(spli_key_make(&key, text), 0);
	CHECK(key.hash == spli_hash(text, 63),
		"the hash is of a key's bytes without its zero");
	text[62] = '\0';
	CHECK_RC(spli_key_make(&shorter, text), 0);
	CHECK(shorter.hash == spli_hash(text, 62), "also of a shorter one");
	memset(text, 'x', sizeof text);
	text[64] = '\0';
	CHECK_RC(spli_key_make(&key, text), -ENAMETOOLONG);
	CHECK_RC(spli_key_make(&key, ""), -EINVAL);
	CHECK_RC(spli_key_make(&key, NULL), -EINVAL);
	CHECK_RC(spli_key_make(&key, "\xff"), 0);
	CHECK(key.hash == spli_hash("\xff", 1), "bytes are unsigned");
}

void
test_hash(void)
{
	known_vectors();
	homes_are_entries();
	similar_keys_spread();
	keys_are_made();
}
