/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_keys.c - a table of keys, by name. It is bounded: with more keys than
 * that, those that are quiet make room.
 */
#define _GNU_SOURCE 1

#include <stdlib.h>
#include <string.h>

#include "top.h"

enum { LEAST = 64, CROWDED = 49152, MOST = 65536 };

/* A power of two, and never more than half full. */
static size_t
place_count(size_t cap)
{
	return 2 * cap;
}

/* FNV-1a. */
static size_t
hash_of(const char *key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	return (size_t)(hash ^ hash >> 32);
}

/* Where the key is, or would be. */
static uint32_t *
place_of(const struct top_keys *keys, const char *key)
{
	size_t mask = place_count(keys->cap) - 1;
	size_t at = hash_of(key) & mask;

	while (keys->places[at] &&
		strcmp(keys->rows[keys->places[at] - 1].key, key) != 0)
		at = (at + 1) & mask;
	return &keys->places[at];
}

static void
place_all(struct top_keys *keys)
{
	memset(keys->places, 0, place_count(keys->cap) * sizeof(*keys->places));
	for (size_t i = 0; i < keys->count; i++)
		*place_of(keys, keys->rows[i].key) = (uint32_t)i + 1;
}

/* False, and all is as it was, when the bound or no memory is left. */
static bool
grow(struct top_keys *keys)
{
	size_t cap = keys->cap ? 2 * keys->cap : LEAST;

	if (cap > MOST)
		return false;
	struct top_key *rows =
		reallocarray(keys->rows, cap, sizeof(*keys->rows));
	if (rows)
		keys->rows = rows;
	struct top_key **order = reallocarray(keys->order, cap, sizeof(void *));
	keys->shown = 0;
	if (order)
		keys->order = order;
	uint32_t *places = reallocarray(
		keys->places, place_count(cap), sizeof(*keys->places));
	if (places)
		keys->places = places;
	if (!rows || !order || !places)
		return false;
	keys->cap = cap;
	place_all(keys);
	return true;
}

struct top_key *
top_keys_find(struct top_keys *keys, const char *key, bool wanted)
{
	uint32_t *place = keys->cap ? place_of(keys, key) : NULL;

	if (place && *place)
		return &keys->rows[*place - 1];
	if (!wanted || (keys->count == keys->cap && !grow(keys)))
		return NULL;
	struct top_key *row = &keys->rows[keys->count++];
	*row = (struct top_key){.ttl_ms = UINT64_MAX};
	strncpy(row->key, key, sizeof(row->key) - 1);
	*place_of(keys, row->key) = (uint32_t)keys->count;
	return row;
}

static bool
is_old(const struct top_key *row, bool crowded)
{
	return row->absent || (!row->waited && (crowded || !row->total));
}

void
top_keys_turn(struct top_keys *keys)
{
	bool crowded = keys->count > CROWDED;
	size_t kept = 0;

	keys->changed = 0;
	for (size_t i = 0; i < keys->count; i++) {
		struct top_key *row = &keys->rows[i];

		row->sets = row->counting;
		row->total += row->counting;
		row->counting = 0;
		keys->changed += row->sets > 0;
		if (!row->sets && is_old(row, crowded))
			continue;
		if (kept < i)
			keys->rows[kept] = *row;
		kept++;
	}
	if (kept == keys->count)
		return;
	keys->count = kept;
	keys->shown = 0;
	place_all(keys);
}

/* --- Order --------------------------------------------------------------- */

static int
by_number(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int
by_name(const void *left, const void *right)
{
	const struct top_key *const *a = left;
	const struct top_key *const *b = right;

	return strcmp((*a)->key, (*b)->key);
}

static int
by_epoch(const void *left, const void *right)
{
	const struct top_key *a = *(const struct top_key *const *)left;
	const struct top_key *b = *(const struct top_key *const *)right;
	int order = by_number(a->epoch, b->epoch);

	if (!order)
		order = (int)b->waited - (int)a->waited;
	return order ? order : by_name(left, right);
}

/* Of those that are quiet, the ones first that somebody waits for. */
static int
by_rate(const void *left, const void *right)
{
	const struct top_key *a = *(const struct top_key *const *)left;
	const struct top_key *b = *(const struct top_key *const *)right;
	int order = by_number(a->sets, b->sets);

	if (!order)
		order = (int)b->waited - (int)a->waited;
	return order ? order : by_epoch(left, right);
}

void
top_keys_sort(struct top_keys *keys, enum top_sort sort)
{
	static int (*const compare[TOP_SORTS])(
		const void *left, const void *right) = {
		[TOP_BY_RATE] = by_rate,
		[TOP_BY_EPOCH] = by_epoch,
		[TOP_BY_NAME] = by_name,
	};

	keys->shown = 0;
	for (size_t i = 0; i < keys->count; i++)
		if (keys->rows[i].total || keys->rows[i].waited)
			keys->order[keys->shown++] = &keys->rows[i];
	if (keys->shown)
		qsort(keys->order, keys->shown, sizeof(void *), compare[sort]);
}

void
top_keys_free(struct top_keys *keys)
{
	free(keys->rows);
	free(keys->order);
	free(keys->places);
	*keys = (struct top_keys){0};
}
