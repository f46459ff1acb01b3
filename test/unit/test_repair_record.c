/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c - records put there by hand, those of a broken peer as well: what
 * the repair of one does, and what it leaves alone.
 */
#include <string.h>

#include "feed.h"
#include "pool.h"
#include "repair.h"
#include "swap.h"
#include "ttl.h"
#include "unit.h"
#include "writer.h"

/* A store with one key, and an entry of ours that plays the dead one's. */
struct scene {
	spl_store *s;
	struct spli_lease lease;
	struct spli_writer *w;
	uint32_t e;
	struct spli_spot spot; /* of the key */
	uint32_t *spare; /* the ring's next */
	struct spli_block *block; /* what is there */
};

static struct scene
begin(void)
{
	struct scene c = {.s = unit_store(TEST_KIND, 8, 64)};
	struct spli_key key;

	if (unit_set(c.s, "k", "value") || spli_lease_take(c.s, &c.lease) ||
		spli_key_make(&key, "k") || spli_table_find(c.s, &key, &c.spot))
		abort();
	c.w = c.lease.writer;
	c.e = c.lease.name - 1;
	c.spare = &c.w->spare[c.w->pos % c.s->geo.ring];
	c.block = spli_block(c.s, *c.spare);
	if (!c.block)
		abort();
	return c;
}

static void
end(struct scene *c)
{
	spli_lease_drop(&c->lease);
	unit_drop(c->s);
}

static void
repair(struct scene *c, unsigned kind, uint64_t slot, uint32_t block,
	uint32_t extra)
{
	c->w->record = (struct spli_record){
		.op = UINT64_C(77) << SPLI_KIND_BITS | kind,
		.slot = slot,
		.old = c->spot.word,
		.block = block,
		.extra = extra,
	};
	spli_repair(c->s, c->e);
}

static bool
is_idle(const struct scene *c)
{
	return spli_record_kind(c->w->record.op) == SPLI_IDLE;
}

static void
records_of_nobody(void)
{
	struct scene c = begin();
	uint64_t out = c.s->geo.entries;
	uint32_t other = (uint32_t)spli_word_block(c.s, c.spot.word);
	const struct {
		unsigned kind;
		uint64_t slot;
		uint32_t block;
	} records[] = {
		{SPLI_UPDATE, out, other},
		{SPLI_UPDATE, UINT64_MAX / 64, other},
		{SPLI_INSERT, out, other},
		{SPLI_UNSET, out, 0},
		{SPLI_UNSET, UINT64_MAX / 64, 0},
		{SPLI_ANNOUNCE, out, 0},
		{SPLI_ANNOUNCE, UINT64_MAX, 0},
		{SPLI_UPDATE, c.spot.slot, (uint32_t)c.s->geo.blocks + 1},
		{SPLI_UPDATE, c.spot.slot, UINT32_MAX},
		{SPLI_INSERT, c.spot.slot, 0},
		{SPLI_IDLE, out, 0},
		{SPLI_IDLE, UINT64_MAX / 64, other},
	};
	uint64_t tail = spli_feed_tail(c.s);
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		repair(&c, records[i].kind, records[i].slot, records[i].block,
			0);
		wrong += !is_idle(&c) || spli_feed_tail(c.s) != tail ||
			 !unit_is(c.s, "k", "value") || unit_misplaced(c.s);
	}
	CHECK(!wrong, "records that no writer of ours wrote change nothing");
	uint32_t was = *c.spare;
	*c.spare = UINT32_MAX;
	repair(&c, SPLI_IDLE, 0, 0, 0);
	*c.spare = was;
	CHECK(is_idle(&c) && !unit_misplaced(c.s),
		"nor does a spare block that is none");
	end(&c);
}

/* The structure's count, by what is repaired; the swap had not happened. */
static void
structure_is_counted(void)
{
	static const struct {
		unsigned kind, counted;
	} rows[] = {{SPLI_UPDATE, 0}, {SPLI_INSERT, 1}, {SPLI_UNSET, 1},
		{SPLI_ANNOUNCE, 0}, {SPLI_IDLE, 0}};
	struct scene c = begin();
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t before = c.s->header->structure;
		repair(&c, rows[i].kind, c.spot.slot, *c.spare,
			(uint32_t)spli_pool_find(c.s));
		wrong += c.s->header->structure != before + rows[i].counted;
	}
	CHECK(!wrong && !unit_misplaced(c.s),
		"an insert's and an unset's repair count the structure");
	end(&c);
}

static bool
last_event_is(const spl_store *s, uint64_t slot, enum spli_happened happened)
{
	uint64_t n = spli_feed_tail(s) - 1;
	struct spli_cell cell;

	return spli_cell_read(s, n, *spli_feed_cell(s, n), &cell) ==
		       SPLI_CELL_FILLED &&
	       cell.slot == slot && cell.happened == happened;
}

static void
what_is_announced(void)
{
	static const struct {
		unsigned kind, extra, happened;
	} rows[] = {
		{SPLI_ANNOUNCE, 9, SPLI_SET_THERE},
		{SPLI_ANNOUNCE + SPLI_UNSET_THERE, 9, SPLI_UNSET_THERE},
		{SPLI_ANNOUNCE + SPLI_EXPIRED_THERE, 9, SPLI_EXPIRED_THERE},
		{SPLI_ANNOUNCE + 3, 9, SPLI_UNSET_THERE},
		{SPLI_ANNOUNCE + 100, 9, SPLI_UNSET_THERE},
		{SPLI_UNSET, SPLI_SET_THERE, SPLI_UNSET_THERE},
		{SPLI_UNSET, SPLI_UNSET_THERE, SPLI_UNSET_THERE},
		{SPLI_UNSET, SPLI_EXPIRED_THERE, SPLI_EXPIRED_THERE},
		{SPLI_UNSET, 3, SPLI_UNSET_THERE},
		{SPLI_UNSET, UINT32_MAX, SPLI_UNSET_THERE},
	};
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene c = begin();
		uint64_t tail = spli_feed_tail(c.s);
		if (rows[i].kind == SPLI_UNSET)
			spli_store(&c.s->table[c.spot.slot].word,
				spli_word_next(c.s, c.spot.word, 0));
		repair(&c, rows[i].kind, c.spot.slot, 0, rows[i].extra);
		wrong += spli_feed_tail(c.s) != tail + 1 ||
			 !last_event_is(c.s, c.spot.slot, rows[i].happened) ||
			 !is_idle(&c) || unit_misplaced(c.s);
		end(&c);
	}
	CHECK(!wrong, "what had happened is announced, once, by its name");
}

static void
waiters_are_woken(void)
{
	struct scene c = begin();
	uint32_t *flags[] = {&c.s->table[c.spot.slot].waiters,
		&c.s->header->structure_waiters, &c.s->feed->waiters};
	unsigned wrong = 0;

	for (int i = 0; i < 3; i++)
		*flags[i] = 1;
	repair(&c, SPLI_ANNOUNCE, c.spot.slot, 0, 0);
	for (int i = 0; i < 3; i++)
		wrong += *flags[i] != 2;
	CHECK(!wrong, "who waits for the key, for any, for all is woken");
	end(&c);
}

/* An insert that died before its swap, of the longest key. */
static void
reach_of_a_long_key(void)
{
	static const char text[] = "a key of sixty-three bytes, which is as "
				   "long as any key can be.";
	struct scene c = begin();
	struct spli_key key;
	uint64_t slot;

	if (spli_key_make(&key, text) || spli_table_place(c.s, &key, &slot))
		abort();
	for (unsigned i = 0; i < SPLI_KEY_SIZE / 8; i++)
		c.block->key[i] = spli_key_word(&key, i);
	spli_table_claim(c.s, &key, slot);
	CHECK(key.len == SPL_KEY_MAX && unit_wrong_reaches(c.s) == 1,
		"a key was about to be inserted");
	repair(&c, SPLI_INSERT, slot, *c.spare, 0);
	CHECK(!unit_wrong_reaches(c.s), "repaired, its home does not reach it");
	end(&c);
}

/* An update that died right after its swap. */
static void
time_to_live_is_noted(void)
{
	struct scene c = begin();
	uint32_t id = *c.spare;
	uint64_t next = spli_word_next(c.s, c.spot.word, id);
	uint64_t displaced = spli_word_block(c.s, c.spot.word);

	memcpy(c.block->key, "k", 2);
	memcpy(c.block->bytes, "new", 3);
	c.block->len = 3;
	c.block->epoch = 4;
	c.block->expiry = spli_ttl_expiry(c.s, 3600000);
	c.block->stamp = spli_stamp(c.s, next, c.spot.slot);
	CHECK(!c.s->header->soonest, "nothing expires yet");
	spli_store(&c.s->table[c.spot.slot].word, next);
	repair(&c, SPLI_UPDATE, c.spot.slot, id, 0);
	CHECK(unit_is(c.s, "k", "new") && *c.spare == displaced &&
			!unit_misplaced(c.s),
		"an update that had happened is finished");
	CHECK(c.s->header->soonest, "and noted as something that expires");
	end(&c);
}

void
test_repair_record(void)
{
	records_of_nobody();
	structure_is_counted();
	what_is_announced();
	waiters_are_woken();
	reach_of_a_long_key();
	time_to_live_is_noted();
}
