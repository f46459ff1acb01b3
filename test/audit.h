/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - is every block of a quiet store in exactly one place, and clean?
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool.h"
#include "swap.h"
#include "writer.h"

/* One complaint; the audit goes on, so that all are seen. */
#define AUDIT(ok, ...)                                                         \
	do {                                                                   \
		if (!(ok)) {                                                   \
			printf("# audit: " __VA_ARGS__);                       \
			printf("\n");                                          \
			wrong++;                                               \
		}                                                              \
	} while (0)

/* A spare block of an entry; before the first use of its ring, by position. */
static inline uint64_t
audit_spare(const spl_store *s, uint64_t e, uint64_t i)
{
	const struct spli_writer *w = &s->writers[e];

	return w->ready ? w->spare[i]
			: s->geo.ring_blocks - (e + 1) * s->geo.ring + 1 + i;
}

static inline int
audit_bytes(const struct spli_block *block, uint64_t from, uint64_t to)
{
	int wrong = 0;

	for (uint64_t i = from; i < to && !wrong; i++)
		wrong = block->bytes[i] != 0;
	return wrong;
}

static inline int
audit_block(const spl_store *s, uint64_t id, unsigned places, bool live)
{
	const struct spli_block *block = spli_block(s, id);
	int wrong = 0;

	AUDIT(places == 1, "block %" PRIu64 " is in %u places", id, places);
	if (!block)
		return wrong; /* not reserved: never used */
	AUDIT(!audit_bytes(block, block->len, s->geo.max_value),
		"block %" PRIu64 " has bytes behind its length", id);
	if (!live && spli_vacuums(s))
		AUDIT(!block->len && !block->key[0] && !block->stamp,
			"block %" PRIu64 " is stale", id);
	return wrong;
}

/*
 * In how many places each block is, by number; nobody may be writing. Says
 * which are @live, and how many words and blocks disagree.
 */
static inline int
audit_places(const spl_store *s, uint8_t *places, uint8_t *live)
{
	int wrong = 0;

	for (uint64_t i = 0; i < s->geo.entries; i++) {
		uint64_t word = s->table[i].word;
		uint64_t id = spli_word_block(s, word);
		struct spli_block *block = spli_block(s, id);
		AUDIT(!id || block, "slot %" PRIu64 " names no block", i);
		if (!block)
			continue;
		AUDIT(spli_block_holds(s, block, i, word),
			"slot %" PRIu64 " and its block disagree", i);
		places[id]++;
		live[id] = 1;
	}
	for (uint64_t e = 0; e < s->geo.writers; e++)
		for (uint64_t i = 0; i < s->geo.ring; i++) {
			uint64_t id = audit_spare(s, e, i);
			if (id - 1 < s->geo.blocks)
				places[id]++;
		}
	for (uint64_t id = 1; id <= s->geo.blocks; id++)
		places[id] = (uint8_t)(places[id] + spli_pool_has(s, id));
	return wrong;
}

/* Homes whose reach is not the farthest distance of a key at home there. */
static inline unsigned
audit_reaches(const spl_store *s)
{
	uint32_t *want = calloc(s->geo.entries, sizeof *want);
	unsigned wrong = 0;

	for (uint64_t i = 0; i < s->geo.entries; i++) {
		if (!spli_word_block(s, s->table[i].word))
			continue;
		uint64_t home =
			spli_hash_home(s->table[i].hash, s->geo.entries);
		uint64_t distance =
			i >= home ? i - home : i + s->geo.entries - home;
		if (want[home] < distance + 1)
			want[home] = (uint32_t)distance + 1;
	}
	for (uint64_t i = 0; i < s->geo.entries; i++)
		wrong += s->table[i].reach != want[i];
	free(want);
	return wrong;
}

/* How much is wrong. Nobody may be writing. */
static inline int
audit(spl_store *s)
{
	uint8_t *places = calloc(s->geo.blocks + 1, 2);
	uint8_t *live = places + s->geo.blocks + 1;

	spli_writers_rescue(s);
	int wrong = audit_places(s, places, live);
	for (uint64_t e = 0; e < s->geo.writers; e++) {
		const struct spli_writer *w = &s->writers[e];
		AUDIT(!w->lease && spli_record_kind(w->record.op) == SPLI_IDLE,
			"writer %" PRIu64 " is busy", e);
	}
	AUDIT(!s->header->claim, "the claim is held");
	for (uint64_t id = 1; id <= s->geo.blocks; id++)
		wrong += audit_block(s, id, places[id], live[id]);
	free(places);
	return wrong;
}

#endif
