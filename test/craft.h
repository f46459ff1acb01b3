/* SPDX-License-Identifier: Apache-2.0 */
/*
 * craft.h - a region as a broken or hostile peer might leave it: one edit at
 * a time, of a field that means something, to a value that may matter; now
 * and then of several that fit each other; and of any bytes.
 *
 * What is chosen comes from a seed, or from the bytes that a fuzzer gives.
 */
#ifndef CRAFT_H
#define CRAFT_H

#include <stdio.h>
#include <time.h>

#include "store.h"
#include "tap.h"

enum {
	CRAFT_KEYS = 12, /* keys that tests use; see craft_key() */
	CRAFT_LOG = 64 /* stores of one edit that can be undone */
};

struct craft {
	uint8_t *region;
	const spl_store *s; /* for its geometry only */
	uint64_t random; /* state, if there are no bytes */
	const uint8_t *bytes; /* or null */
	size_t len, at;
	struct {
		uint64_t off, was, is;
		unsigned width;
	} log[CRAFT_LOG]; /* of the last edit */
	unsigned logged;
};

static inline uint64_t
craft_raw(struct craft *c, unsigned width)
{
	uint64_t raw = 0;

	if (!c->bytes)
		return tap_random(&c->random) >> 8;
	for (unsigned i = 0; i < width && c->at < c->len; i++)
		raw |= (uint64_t)c->bytes[c->at++] << 8 * i;
	return raw;
}

/* Less than @n. */
static inline uint64_t
craft_choice(struct craft *c, uint64_t n)
{
	return craft_raw(c, n <= 1 << 8 ? 1 : n <= 1 << 16 ? 2 : 8) % n;
}

static inline uint64_t
craft_any(struct craft *c)
{
	return craft_raw(c, 8) << 32 ^ craft_raw(c, 8);
}

/* A key of the tests: a short one, one of several words, or the longest. */
static inline void
craft_key(char text[SPLI_KEY_SIZE], uint64_t i)
{
	static const int lengths[] = {0, 0, 0, 14, SPL_KEY_MAX - 1};

	snprintf(text, SPLI_KEY_SIZE, "%c%0*d", 'a' + (int)(i % CRAFT_KEYS),
		lengths[i % 5], 7);
}

/*
 * Stores to begin with.
 */
static const struct craft_layout {
	uint64_t slots, max_value;
	uint32_t writers;
	uint64_t features;
} craft_layouts[] = {
	/* 32 blocks of 512 bytes: the last ends where the mapping does. */
	{20, 384, 4, 0},
	{1, 1, 1, SPLI_WAKE_ALWAYS},
	{12, 4096 - 128, 4, SPLI_WALL_CLOCK},
	{200, 40, 16, 0},
};
enum {
	CRAFT_LAYOUTS = sizeof craft_layouts / sizeof *craft_layouts,
	CRAFT_VALUE_MAX = 4096 /* no layout's is larger */
};

/* Null: it could not be made. */
static inline spl_store *
craft_make(const struct craft_layout *l)
{
	struct spl_options o;
	spl_store *s = NULL;
	char key[SPLI_KEY_SIZE];

	spl_options_init(&o);
	o.kind = SPL_MEMFD;
	o.slots = l->slots;
	o.max_value = l->max_value;
	o.writers = l->writers;
	if (spl_create("crafted", &o, &s))
		return NULL;
	s->header->features |= l->features;
	s->header->checksum =
		spli_hash(s->header, offsetof(struct spli_header, checksum));
	for (unsigned i = 0; i < CRAFT_KEYS / 2 && i < l->slots; i++) {
		craft_key(key, i);
		spl_set_ttl(s, key, key, i % l->max_value,
			i % 3 == 2 ? 3600000 : UINT64_MAX);
	}
	return s;
}

/* Whether all is there that was put in. */
static inline bool
craft_is_whole(spl_store *s, const struct craft_layout *l)
{
	char key[SPLI_KEY_SIZE], value[SPLI_KEY_SIZE];
	bool whole = true;
	size_t len = 0;

	for (unsigned i = 0; i < CRAFT_KEYS / 2 && i < l->slots; i++) {
		craft_key(key, i);
		whole &= !spl_get(s, key, value, sizeof value, &len) &&
			 len == i % l->max_value && !memcmp(value, key, len);
	}
	return whole;
}

/*
 * Stores and loads, as an unruly program does them.
 */
static inline uint64_t
craft_get(const struct craft *c, uint64_t off, unsigned width)
{
	uint8_t *at = c->region + off;

	return width == 8   ? spli_load((uint64_t *)(void *)at)
	       : width == 4 ? spli_load((uint32_t *)(void *)at)
			    : spli_load(at);
}

static inline void
craft_store(const struct craft *c, uint64_t off, unsigned width, uint64_t value)
{
	uint8_t *at = c->region + off;

	if (width == 8)
		spli_store((uint64_t *)(void *)at, value);
	else if (width == 4)
		spli_store((uint32_t *)(void *)at, (uint32_t)value);
	else
		spli_store(at, (uint8_t)value);
}

static inline void
craft_put(struct craft *c, uint64_t off, unsigned width, uint64_t value)
{
	if (c->logged < CRAFT_LOG) {
		c->log[c->logged].off = off;
		c->log[c->logged].width = width;
		c->log[c->logged].was = craft_get(c, off, width);
		c->log[c->logged++].is = value;
	}
	craft_store(c, off, width, value);
}

/* The last edit, back and forth: who reads twice meets both. */
static inline void
craft_undo(const struct craft *c)
{
	for (unsigned i = c->logged; i-- > 0;)
		craft_store(c, c->log[i].off, c->log[i].width, c->log[i].was);
}

static inline void
craft_redo(const struct craft *c)
{
	for (unsigned i = 0; i < c->logged; i++)
		craft_store(c, c->log[i].off, c->log[i].width, c->log[i].is);
}

/*
 * What a field counts or names, which says what its interesting values are.
 */
enum craft_sort {
	CRAFT_SLOT,
	CRAFT_BLOCK,
	CRAFT_WRITER, /* by name */
	CRAFT_LEN,
	CRAFT_NUMBER,
	CRAFT_BITS, /* a few */
	CRAFT_TIME,
	CRAFT_SOONEST,
	CRAFT_WORD, /* {block, generation} */
	CRAFT_STAMP, /* {slot + 1, generation} */
	CRAFT_OP, /* {sequence, kind} */
	CRAFT_CELL /* {sequence + 1, what happened, slot} */
};

/* One more than the largest that is right. */
static inline uint64_t
craft_bound(const struct craft *c, enum craft_sort sort)
{
	const struct spli_geometry *g = &c->s->geo;

	switch (sort) {
	case CRAFT_SLOT:
		return g->entries;
	case CRAFT_STAMP:
		return g->entries + 1;
	case CRAFT_BLOCK:
	case CRAFT_WORD:
		return g->blocks + 1;
	case CRAFT_WRITER:
		return g->writers + 1;
	case CRAFT_LEN:
		return g->max_value + 1;
	case CRAFT_BITS:
	case CRAFT_OP:
		return SPLI_ANNOUNCE + SPLI_EXPIRED_THERE + 1;
	default:
		return UINT64_C(1) << 32;
	}
}

static inline uint64_t
craft_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A number at, in or beyond the bounds of what it counts; or near @was. */
static inline uint64_t
craft_number(struct craft *c, enum craft_sort sort, uint64_t was)
{
	static const uint64_t extremes[] = {INT32_MAX, UINT64_C(1) << 31,
		UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX - 1, UINT64_MAX};
	uint64_t bound = craft_bound(c, sort);

	switch (craft_choice(c, 13)) {
	case 0:
		return 0;
	case 1:
		return was + 1;
	case 2:
		return was - 1;
	case 3:
		return was ^ UINT64_C(1) << craft_choice(c, 64);
	case 4:
		return bound;
	case 5:
		return bound - 1;
	case 6:
		return bound + 1;
	case 7:
		return extremes[craft_choice(c, 8)];
	case 8:
		return craft_any(c);
	case 9:
		return bound + craft_choice(c, 1 << 13);
	default:
		return craft_choice(c, bound);
	}
}

static inline uint64_t
craft_cell(struct craft *c)
{
	const struct spli_geometry *g = &c->s->geo;
	unsigned slot_bits = 64 - g->generation_bits;
	uint64_t tail = craft_get(c, g->feed_off, 8);
	/* As it is now, of the last lap, or of the next. */
	uint64_t n = tail + craft_choice(c, 5) - 2 +
		     (craft_choice(c, 3) - 1) * g->feed_len;
	uint64_t slot = craft_number(c, CRAFT_SLOT, 0) &
			((UINT64_C(1) << slot_bits) - 1);

	return (n + 1) << (slot_bits + SPLI_HAPPENED_BITS) |
	       craft_choice(c, 4) << slot_bits | slot;
}

static inline uint64_t
craft_value(struct craft *c, enum craft_sort sort, uint64_t was)
{
	unsigned bits = c->s->geo.generation_bits;
	uint64_t ms;

	switch (sort) {
	case CRAFT_WORD:
	case CRAFT_STAMP:
		return craft_number(c, sort, was >> bits) << bits |
		       ((was + craft_choice(c, 3) - 1) &
			       ((UINT64_C(1) << bits) - 1));
	case CRAFT_OP:
		return (was >> SPLI_KIND_BITS) << SPLI_KIND_BITS |
		       (craft_number(c, sort, 0) & 255);
	case CRAFT_CELL:
		return craft_choice(c, 4) ? craft_cell(c) : craft_any(c);
	case CRAFT_TIME:
		ms = craft_choice(c, 8);
		return ms > 4 ? craft_number(c, CRAFT_NUMBER, was)
			      : craft_now() + (ms - 2) * 1000000;
	case CRAFT_SOONEST:
		return (craft_now() / 1000000000 + craft_choice(c, 4)) << 30 |
		       craft_choice(c, 1 << 30);
	default:
		return craft_number(c, sort, was);
	}
}

/*
 * Fields.
 */
struct craft_field {
	uint16_t off, width;
	enum craft_sort sort;
};

#define CRAFT_FIELD(type, name, sort)                                          \
	{                                                                      \
		offsetof(struct type, name), sizeof((struct type *)0)->name,   \
			sort                                                   \
	}

static const struct craft_field craft_header[] = {
	CRAFT_FIELD(spli_header, flags, CRAFT_BITS),
	CRAFT_FIELD(spli_header, low, CRAFT_BLOCK),
	CRAFT_FIELD(spli_header, high, CRAFT_BLOCK),
	CRAFT_FIELD(spli_header, scrubs_begun, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, scrubs_done, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, clock_floor, CRAFT_TIME),
	CRAFT_FIELD(spli_header, claim, CRAFT_WRITER),
	CRAFT_FIELD(spli_header, hint, CRAFT_BITS),
	CRAFT_FIELD(spli_header, floor, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, structure, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, structure_waiters, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, parse_failures, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, repairs, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, soonest, CRAFT_SOONEST),
};
/* Those below its checksum. */
static const struct craft_field craft_immutable[] = {
	CRAFT_FIELD(spli_header, magic, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, version, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, byte_order, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, header_len, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, slots, CRAFT_SLOT),
	CRAFT_FIELD(spli_header, max_value, CRAFT_LEN),
	CRAFT_FIELD(spli_header, writers, CRAFT_WRITER),
	CRAFT_FIELD(spli_header, ring, CRAFT_BITS),
	CRAFT_FIELD(spli_header, feed_len, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, features, CRAFT_BITS),
	CRAFT_FIELD(spli_header, table_off, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, writers_off, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, pool_off, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, feed_off, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, blocks_off, CRAFT_NUMBER),
	CRAFT_FIELD(spli_header, size, CRAFT_NUMBER),
};
static const struct craft_field craft_entry[] = {
	CRAFT_FIELD(spli_entry, hash, CRAFT_NUMBER),
	CRAFT_FIELD(spli_entry, word, CRAFT_WORD),
	CRAFT_FIELD(spli_entry, waiters, CRAFT_NUMBER),
	CRAFT_FIELD(spli_entry, reach, CRAFT_SLOT),
};
static const struct craft_field craft_writer[] = {
	CRAFT_FIELD(spli_writer, lease, CRAFT_WRITER),
	CRAFT_FIELD(spli_writer, ready, CRAFT_BITS),
	CRAFT_FIELD(spli_writer, owner, CRAFT_NUMBER),
	CRAFT_FIELD(spli_writer, pos, CRAFT_BITS),
	CRAFT_FIELD(spli_writer, since, CRAFT_TIME),
	CRAFT_FIELD(spli_writer, record.op, CRAFT_OP),
	CRAFT_FIELD(spli_writer, record.slot, CRAFT_SLOT),
	CRAFT_FIELD(spli_writer, record.old, CRAFT_WORD),
	CRAFT_FIELD(spli_writer, record.block, CRAFT_BLOCK),
	CRAFT_FIELD(spli_writer, record.extra, CRAFT_BLOCK),
	CRAFT_FIELD(spli_writer, spare[0], CRAFT_BLOCK),
	CRAFT_FIELD(spli_writer, spare[1], CRAFT_BLOCK),
	CRAFT_FIELD(spli_writer, spare[2], CRAFT_BLOCK),
};
static const struct craft_field craft_feed[] = {
	CRAFT_FIELD(spli_feed, tail, CRAFT_NUMBER),
	CRAFT_FIELD(spli_feed, waiters, CRAFT_NUMBER),
};
static const struct craft_field craft_block[] = {
	CRAFT_FIELD(spli_block, stamp, CRAFT_STAMP),
	CRAFT_FIELD(spli_block, epoch, CRAFT_NUMBER),
	CRAFT_FIELD(spli_block, owner, CRAFT_WRITER),
	CRAFT_FIELD(spli_block, len, CRAFT_LEN),
	CRAFT_FIELD(spli_block, flags, CRAFT_BITS),
	CRAFT_FIELD(spli_block, expiry, CRAFT_TIME),
	CRAFT_FIELD(spli_block, born, CRAFT_NUMBER),
	CRAFT_FIELD(spli_block, key[0], CRAFT_NUMBER),
	CRAFT_FIELD(spli_block, key[7], CRAFT_NUMBER),
};

static inline void
craft_a_field(struct craft *c, uint64_t base, const struct craft_field *fields,
	size_t count)
{
	const struct craft_field *f = &fields[craft_choice(c, count)];
	uint64_t off = base + f->off;

	craft_put(c, off, f->width,
		craft_value(c, f->sort, craft_get(c, off, f->width)));
}

#define CRAFT_A_FIELD(c, base, fields)                                         \
	craft_a_field(c, base, fields, sizeof(fields) / sizeof *(fields))

/*
 * Where things are.
 */
static inline uint64_t
craft_entry_off(const struct craft *c, uint64_t slot)
{
	return c->s->geo.table_off + slot * sizeof(struct spli_entry);
}

static inline uint64_t
craft_writer_off(const struct craft *c, uint64_t e)
{
	return c->s->geo.writers_off + e * sizeof(struct spli_writer);
}

static inline uint64_t
craft_cell_off(const struct craft *c, uint64_t n)
{
	const struct spli_geometry *g = &c->s->geo;

	return g->feed_off + offsetof(struct spli_feed, cells) +
	       (n & (g->feed_len - 1)) * 8;
}

/*
 * Edits of several fields that agree with each other.
 */

/*
 * A key in some entry and block, whoever else has either: twice, then, or
 * somebody's spare. All fits, but perhaps the length, and how far to look.
 */
static inline void
craft_live(struct craft *c)
{
	const struct spli_geometry *g = &c->s->geo;
	uint64_t slot = craft_choice(c, g->entries);
	uint64_t id = 1 + craft_choice(c, g->blocks);
	uint64_t generation = craft_choice(c, 1 << 16);
	uint64_t block = spli_block_off(g, id);
	uint64_t entry = craft_entry_off(c, slot);
	uint64_t words[SPLI_KEY_SIZE / 8] = {0};
	char text[SPLI_KEY_SIZE];

	craft_key(text, craft_choice(c, CRAFT_KEYS));
	memcpy(words, text, strlen(text));
	if (!craft_choice(c, 8))
		memset(words, 'k', sizeof words); /* a key without an end */
	for (unsigned i = 0; i < SPLI_KEY_SIZE / 8; i++)
		craft_put(c, block + offsetof(struct spli_block, key) + 8 * i,
			8, words[i]);
	uint64_t hash = spli_hash(text, strlen(text));
	craft_put(c, block + offsetof(struct spli_block, stamp), 8,
		spli_stamp(c->s, generation, slot));
	craft_put(c, block + offsetof(struct spli_block, len), 4,
		craft_number(c, CRAFT_LEN, 0));
	craft_put(c, block + offsetof(struct spli_block, expiry), 8,
		craft_choice(c, 2) ? craft_value(c, CRAFT_TIME, 0) : 0);
	craft_put(c, entry + offsetof(struct spli_entry, hash), 8, hash);
	craft_put(c, entry + offsetof(struct spli_entry, word), 8,
		spli_word(c->s, generation, id));
	uint64_t home = craft_entry_off(c, spli_hash_home(hash, g->entries));
	craft_put(c, home + offsetof(struct spli_entry, reach), 4,
		craft_number(c, CRAFT_SLOT, g->entries));
}

/* The marks say that everything is reserved, and a word names what is not. */
static inline void
craft_wild(struct craft *c)
{
	const struct spli_geometry *g = &c->s->geo;
	uint64_t entry = craft_entry_off(c, craft_choice(c, g->entries));
	uint64_t id = craft_choice(c, 4) ? g->blocks + 1 + craft_choice(c, 64)
					 : craft_number(c, CRAFT_BLOCK, 0);

	craft_put(c, offsetof(struct spli_header, low), 8, craft_choice(c, 2));
	craft_put(c, offsetof(struct spli_header, high), 8,
		UINT64_MAX - craft_choice(c, 2));
	craft_put(c, entry + offsetof(struct spli_entry, word), 8,
		spli_word(c->s, craft_choice(c, 1 << 16), id));
	/* A spare as well: what is filled next. */
	uint64_t off = craft_writer_off(c, craft_choice(c, g->writers));
	craft_put(c,
		off + offsetof(struct spli_writer, spare) +
			4 * craft_choice(c, g->ring),
		4, id);
}

/* A writer that died in the middle of something. */
static inline void
craft_dead(struct craft *c)
{
	const struct spli_geometry *g = &c->s->geo;
	uint64_t off = craft_writer_off(c, craft_choice(c, g->writers));
	uint64_t record = off + offsetof(struct spli_writer, record);
	uint64_t slot = craft_choice(c, g->entries);
	uint64_t word = craft_get(c,
		craft_entry_off(c, slot) + offsetof(struct spli_entry, word),
		8);
	uint64_t pos = craft_get(c, off + offsetof(struct spli_writer, pos), 4);
	uint64_t spare = craft_get(c,
		off + offsetof(struct spli_writer, spare) + pos % g->ring * 4,
		4);

	craft_put(c, record + offsetof(struct spli_record, slot), 8,
		craft_choice(c, 3) ? slot : craft_number(c, CRAFT_SLOT, slot));
	craft_put(c, record + offsetof(struct spli_record, old), 8,
		craft_choice(c, 3) ? word : craft_value(c, CRAFT_WORD, word));
	craft_put(c, record + offsetof(struct spli_record, block), 4,
		craft_choice(c, 3) ? spare : craft_number(c, CRAFT_BLOCK, 0));
	craft_put(c, record + offsetof(struct spli_record, extra), 4,
		craft_number(c, CRAFT_BLOCK, 0));
	craft_put(c, record + offsetof(struct spli_record, op), 8,
		craft_value(c, CRAFT_OP, 7 << SPLI_KIND_BITS));
	craft_put(c, off + offsetof(struct spli_writer, lease), 4,
		craft_choice(c, g->writers + 1));
	craft_put(c, off + offsetof(struct spli_writer, owner), 8,
		UINT64_C(0x123456789) << 32 | 1);
}

/* An event, or some, and perhaps a tail that agrees. */
static inline void
craft_events(struct craft *c)
{
	uint64_t tail = craft_get(c, c->s->geo.feed_off, 8);
	uint64_t count = craft_choice(c, 4);

	for (uint64_t i = 0; i <= count; i++)
		craft_put(c, craft_cell_off(c, tail + i), 8, craft_cell(c));
	if (craft_choice(c, 2))
		craft_put(c, c->s->geo.feed_off, 8, tail + count);
}

/* Any bytes anywhere. */
static inline void
craft_bytes(struct craft *c)
{
	uint64_t off = craft_choice(c, c->s->geo.size);
	uint64_t count = 1 + craft_choice(c, 16);

	for (uint64_t i = 0; i < count && off + i < c->s->geo.size; i++)
		craft_put(c, off + i, 1, craft_raw(c, 1) & 255);
}

/* A header that is wrong, and says that it is right. */
static inline void
craft_checksum(struct craft *c)
{
	struct spli_header h;
	size_t len = offsetof(struct spli_header, checksum);

	CRAFT_A_FIELD(c, 0, craft_immutable);
	memcpy(&h, c->region, len);
	craft_put(c, len, 8, spli_hash(&h, len));
}

/* One edit. What opening validates is left alone but with @immutable. */
static inline void
craft_edit(struct craft *c, bool immutable)
{
	const struct spli_geometry *g = &c->s->geo;
	uint64_t off;

	c->logged = 0;
	switch (craft_choice(c, immutable ? 16 : 14)) {
	case 0:
		CRAFT_A_FIELD(c, 0, craft_header);
		break;
	case 1:
	case 2:
		off = craft_entry_off(c, craft_choice(c, g->entries));
		CRAFT_A_FIELD(c, off, craft_entry);
		break;
	case 3:
	case 4:
		off = craft_writer_off(c, craft_choice(c, g->writers));
		CRAFT_A_FIELD(c, off, craft_writer);
		break;
	case 5:
		off = g->pool_off + craft_choice(c, (g->blocks + 63) / 64) * 8;
		craft_put(c, off, 8, craft_value(c, CRAFT_NUMBER, 0));
		break;
	case 6:
		CRAFT_A_FIELD(c, g->feed_off, craft_feed);
		break;
	case 7:
	case 8:
		off = spli_block_off(g, 1 + craft_choice(c, g->blocks));
		CRAFT_A_FIELD(c, off, craft_block);
		break;
	case 9:
		craft_live(c);
		break;
	case 10:
		craft_dead(c);
		break;
	case 11:
		craft_events(c);
		break;
	case 12:
		craft_bytes(c);
		break;
	case 13:
		craft_wild(c);
		break;
	case 14:
		CRAFT_A_FIELD(c, 0, craft_immutable);
		break;
	default:
		craft_checksum(c);
	}
}

#endif
