/* SPDX-License-Identifier: Apache-2.0 */
#include "stamp.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static_assert(sizeof(struct stamp) == 32, "no padding to be left unverified");

#define ODD UINT64_C(0x9e3779b97f4a7c15)

uint64_t
stamp_mix(uint64_t number)
{
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

static uint64_t
check_of(const struct stamp *s)
{
	uint64_t check = stamp_mix(((uint64_t)s->run << 32 | s->key) + ODD);

	check = stamp_mix(check ^ ((uint64_t)s->len << 32 | s->writer));
	return stamp_mix(check ^ s->version);
}

/* The eight bytes at @offset: different for each offset and each check. */
static uint64_t
word_at(uint64_t check, size_t offset)
{
	uint64_t word = (check + offset) * ODD;

	return word ^ word >> 32;
}

/* Where the bytes begin that follow from the stamp, or take its place. */
static size_t
bare_from(size_t len)
{
	return len < STAMP_LEN ? 0 : STAMP_LEN;
}

void
stamp_make(uint8_t *bytes, struct stamp *stamp)
{
	size_t at = bare_from(stamp->len);

	stamp->check = check_of(stamp);
	memcpy(bytes, stamp, at);
	for (; at + 8 <= stamp->len; at += 8)
		memcpy(bytes + at, &(uint64_t){word_at(stamp->check, at)}, 8);
	memcpy(bytes + at, &(uint64_t){word_at(stamp->check, at)},
		stamp->len - at);
}

/* Offset of the first wrong byte, or @len. */
static size_t
first_wrong(const uint8_t *bytes, size_t len, uint64_t check)
{
	for (size_t at = bare_from(len); at < len; at += 8) {
		uint64_t right = word_at(check, at), found = right;
		size_t n = len - at < 8 ? len - at : 8;

		memcpy(&found, bytes + at, n);
		if (found != right)
			return at + (size_t)__builtin_ctzll(found ^ right) / 8;
	}
	return len;
}

static bool
flaw_number(
	struct flaw *flaw, const char *what, uint64_t expected, uint64_t found)
{
	snprintf(flaw->expected, sizeof flaw->expected, "%s %" PRIu64, what,
		expected);
	snprintf(flaw->found, sizeof flaw->found, "%" PRIu64, found);
	return false;
}

static bool
flaw_byte(struct flaw *flaw, const struct stamp *s, size_t at, uint8_t found)
{
	uint64_t word = word_at(s->check, at & ~(size_t)7);
	char of[64];

	if (s->writer == STAMP_NOBODY)
		snprintf(of, sizeof of, "epoch %" PRIu64, s->version);
	else
		snprintf(of, sizeof of, "writer %" PRIu32 ", version %" PRIu64,
			s->writer, s->version);
	snprintf(flaw->expected, sizeof flaw->expected,
		"byte %zu of %" PRIu32 " 0x%02x (%s)", at, s->len,
		(unsigned)(word >> at % 8 * 8 & 0xff), of);
	snprintf(flaw->found, sizeof flaw->found, "0x%02x", found);
	return false;
}

static bool
bytes_whole(const uint8_t *bytes, size_t len, const struct stamp *s,
	struct flaw *flaw)
{
	size_t at = first_wrong(bytes, len, s->check);

	return at == len || flaw_byte(flaw, s, at, bytes[at]);
}

bool
stamp_whole(const uint8_t *bytes, size_t len, struct stamp *found,
	struct flaw *flaw)
{
	const struct stamp wanted = *found;
	struct stamp *s = found;

	if (len < sizeof *s) {
		s->len = (uint32_t)len;
		s->writer = STAMP_NOBODY;
		s->check = check_of(s);
		return bytes_whole(bytes, len, s, flaw);
	}
	memcpy(s, bytes, sizeof *s);
	if (s->run != wanted.run)
		return flaw_number(flaw, "a value of run", wanted.run, s->run);
	if (s->key != wanted.key)
		return flaw_number(flaw, "a value of key", wanted.key, s->key);
	if (s->len != len)
		return flaw_number(
			flaw, "as the stamp says a length of", s->len, len);
	if (s->check != check_of(s))
		return flaw_number(
			flaw, "the stamp's check", check_of(s), s->check);
	return bytes_whole(bytes, len, s, flaw);
}
