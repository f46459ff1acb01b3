/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c, writer.c, map.c, swap.c - what no writer of ours writes, field by
 * field: records, leases, marks, the pool. Each is met by the one call that
 * looks at it; it fails or mends it, and other keys are as they were.
 */
#include <string.h>

#include "feed.h"
#include "hook.h"
#include "map.h"
#include "pool.h"
#include "swap.h"
#include "ttl.h"
#include "unit.h"
#include "writer.h"

enum { DEAD = 5 }; /* an entry whose owner is dead, if anybody ever had it */

static struct spli_record
record_of(spl_store *s, uint64_t slot, enum spli_kind kind)
{
	return (struct spli_record){
		.op = UINT64_C(9) << SPLI_KIND_BITS | kind,
		.slot = slot,
		.old = slot < s->geo.entries ? s->table[slot].word : 0,
	};
}

/* Leave @r to the entry's next owner; what the feed says of it, or -1. */
static int
repaired(spl_store *s, struct spli_record r)
{
	struct spli_writer *w = &s->writers[DEAD];
	uint64_t tail = s->feed->tail;
	struct spli_cell cell;

	w->record = r;
	w->owner = UINT64_C(1) << 32 | 1;
	CHECK_RC(spli_writer_rescue(s, DEAD), 0);
	if (spli_record_kind(w->record.op) != SPLI_IDLE || w->lease || w->owner)
		return -2;
	if (s->feed->tail == tail)
		return -1;
	uint64_t raw = *spli_feed_cell(s, tail);
	if (s->feed->tail != tail + 1 ||
		spli_cell_read(s, tail, raw, &cell) != SPLI_CELL_FILLED ||
		cell.slot != r.slot)
		return -3;
	return (int)cell.happened;
}

static uint64_t
slot_of(spl_store *s, const char *key)
{
	struct spl_peek peek;

	if (spl_peek_begin(s, key, &peek))
		abort();
	return peek.slot;
}

static void
records(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	struct spli_record r;

	unit_set(s, "k", "value");
	uint64_t slot = slot_of(s, "k");
	/* The dead one has a ring. */
	struct spli_writer *w = &s->writers[DEAD];
	uint64_t first = s->geo.ring_blocks - (DEAD + 1) * s->geo.ring + 1;
	CHECK_RC(spli_reserve_down(s, first), 0);
	for (uint32_t i = 0; i < s->geo.ring; i++) {
		w->spare[i] = (uint32_t)first + i;
		spli_block(s, first + i)->owner = DEAD + 1;
	}
	w->ready = 1;

	r = record_of(s, s->geo.entries, SPLI_UPDATE);
	CHECK(repaired(s, r) == -1, "a slot beyond the table");
	r = record_of(s, UINT64_MAX, SPLI_ANNOUNCE);
	CHECK(repaired(s, r) == -1, "the same, to be announced");
	r = record_of(s, slot, SPLI_UPDATE);
	r.block = UINT32_MAX;
	CHECK(repaired(s, r) == -1, "an update with a block that is none");
	r.block = 0;
	CHECK(repaired(s, r) == -1, "with no block");
	/* Published, says the mark; but what it displaced is no block. */
	r.block = (uint32_t)first;
	r.old = spli_word(s, 7, s->geo.blocks + 1);
	spli_block(s, first)->owner = 1;
	CHECK(repaired(s, r) == SPLI_SET_THERE && w->spare[0] == first,
		"an update of a block that is none keeps its own");
	spli_block(s, first)->owner = DEAD + 1;
	r = record_of(s, slot, SPLI_ANNOUNCE + 3);
	CHECK(repaired(s, r) == SPLI_UNSET_THERE, "what does not happen");
	r = record_of(s, slot, (enum spli_kind)255);
	CHECK(repaired(s, r) == SPLI_UNSET_THERE, "a kind that is none");
	r = record_of(s, slot, SPLI_UNSET);
	CHECK(repaired(s, r) == -1, "an unset that was not published");
	CHECK(unit_is(s, "k", "value"), "the key is as it was");
	/* An unset of a block that is none, in a slot without a key. */
	for (slot = 0; s->table[slot].word; slot++)
		;
	r = record_of(s, slot, SPLI_UNSET);
	r.extra = SPLI_SET_THERE;
	r.old = spli_word(s, 7, s->geo.blocks + 1);
	s->table[slot].word = spli_word(s, 8, 0);
	CHECK(repaired(s, r) == SPLI_UNSET_THERE,
		"an unset of a block that is none, said to be a set");
	w->spare[0] = UINT32_MAX;
	CHECK(repaired(s, record_of(s, slot, SPLI_IDLE)) == -1,
		"a spare block that is none");
	w->spare[0] = (uint32_t)first;
	CHECK(unit_is(s, "k", "value") && !unit_misplaced(s),
		"nothing is lost");
	unit_drop(s);
}

/* Whether the dead one's swap was displaced by a rival depends on records. */
static void
rivals_records(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	struct spli_writer *rival = &s->writers[7];

	unit_set(s, "k", "value");
	unit_set(s, "l", "value");
	uint64_t slot = slot_of(s, "k");
	struct spli_writer *w = &s->writers[DEAD];
	uint64_t first = s->geo.ring_blocks - (DEAD + 1) * s->geo.ring + 1;
	CHECK_RC(spli_reserve_down(s, first), 0);
	spli_block(s, first)->owner = DEAD + 1;
	w->spare[0] = (uint32_t)first;
	w->ready = 1;
	struct spli_record r = record_of(s, slot, SPLI_UPDATE);
	r.block = (uint32_t)first;
	/* As if he had published on a word that was never there. */
	r.old = spli_word(s, 77, s->geo.blocks + 1);
	uint64_t ours = spli_word_next(s, r.old, first);

	rival->record = (struct spli_record){
		.slot = slot_of(s, "l"), .old = ours, .op = SPLI_UPDATE};
	CHECK(repaired(s, r) == -1, "a rival's swap of another slot");
	rival->record.slot = slot;
	rival->record.old = ours + 1;
	CHECK(repaired(s, r) == -1, "one of another word");
	rival->record.old = ours;
	rival->record.op = SPLI_INSERT;
	CHECK(repaired(s, r) == -1, "an insert, which displaces nothing");
	rival->record.op = SPLI_UNSET;
	CHECK(repaired(s, r) == SPLI_SET_THERE, "an unset of that word");
	rival->record.op = SPLI_UPDATE;
	CHECK(repaired(s, r) == SPLI_SET_THERE, "an update of that word");
	CHECK(unit_is(s, "k", "value") && unit_is(s, "l", "value"),
		"the keys are as they were");
	unit_drop(s);
}

static void
drop_lease(void *lease)
{
	spli_lease_drop(lease);
}

/* Leases in names that nobody has, the dead have, or the living. */
static void
leases(void)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 16);
	o.writers = 2;
	spl_store *s = unit_store_with(&o);
	uint32_t *lease = &s->writers[0].lease;

	unit_set(s, "k", "value");
	/* The only entry that may be ours, and the other one has an owner. */
	spl_store *again = unit_again(s, 0);
	unit_set(again, "k", "theirs");
	*lease = 77;
	CHECK_RC(unit_set(s, "k", "ours"), 0);
	CHECK(!*lease, "a name that nobody has is forgotten");
	CHECK(unit_is(s, "k", "ours"), "and the entry used");
	/* A thread of ours has it, and is ready while we wait. */
	struct spli_lease held;
	CHECK_RC(spli_lease_take(s, &held), 0);
	hook_set(HOOK_clock_gettime,
		(struct hook){.before = drop_lease, .arg = &held, .skip = 1});
	CHECK_RC(unit_set(s, "k", "waited"), 0);
	CHECK(hook_end(HOOK_clock_gettime) == 1 && unit_is(s, "k", "waited"),
		"one that a thread gives back is waited for");
	spl_close(again);
	unit_drop(s);
}

/* A dead owner's entry that somebody alive is just scrubbing. */
static void
leased_by_the_living(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	spl_store *again = unit_again(s, 0);
	struct spli_writer *w = &s->writers[DEAD];
	uint64_t owner = UINT64_C(7) << 32 | 1;

	unit_set(s, "k", "value");
	unit_set(again, "k", "theirs");
	w->owner = owner;
	w->lease = 2; /* again's entry */
	CHECK_RC(spli_writer_rescue(s, DEAD), -EAGAIN);
	CHECK(w->owner == owner && w->lease == 2 && !s->is_mine[DEAD],
		"is left as it was");
	w->lease = 0;
	CHECK_RC(spli_writer_rescue(again, DEAD), 0);
	CHECK(!w->owner, "and taken when he is done, by anybody");
	spl_close(again);
	unit_drop(s);
}

/* A chain of the dead, each having leased the next one's entry. */
static void
leased_by_the_dead(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	unsigned left = 0;

	unit_set(s, "k", "value");
	for (uint32_t e = 2; e < 10; e++) {
		s->writers[e].owner = UINT64_C(7) << 32 | 1;
		s->writers[e].lease = e + 2;
	}
	s->writers[9].lease = 3; /* a ring of them */
	/* The fifth is too deep. It has forgotten what its dead owner leased
	 * all the same, and so those before it come free. */
	CHECK_RC(spli_writer_rescue(s, 2), 0);
	CHECK(!s->rescues && !s->writers[2].owner && s->writers[6].owner,
		"not deeper than it may be");
	spli_writers_rescue(s);
	for (uint32_t e = 2; e < 10; e++)
		left += s->writers[e].owner != 0;
	CHECK(!left && unit_is(s, "k", "value"), "the next ones unravel it");
	unit_drop(s);
}

static void
marks_and_pool(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);
	spl_store *again = unit_again(s, 0);
	struct spli_header *h = s->header;

	unit_set(s, "k", "value");
	uint64_t ring = s->geo.ring_blocks, high = h->high, low = h->low;
	h->high = 1;
	CHECK_RC(unit_set(again, "k", "x"), -EBADMSG);
	CHECK(spl_writers(s, NULL, 0) == 1, "a ring that is not there is left");
	h->high = high;
	CHECK_RC(spli_reserve_up(s, s->geo.blocks + 1), -EBADMSG);
	h->high = ring;
	CHECK_RC(spli_reserve_up(s, ring + 1), -EBADMSG);
	h->high = s->geo.blocks + 2;
	CHECK_RC(spli_reserve_up(s, ring + 1), -EBADMSG);
	h->high = high;
	CHECK_RC(spli_reserve_up(s, ring + 1), 0);
	/* A ring's block in the pool, and below what is reserved. */
	h->hint = 0;
	s->pool[0] &= ~UINT64_C(1);
	CHECK_RC(unit_set(s, "new", ""), -EBADMSG);
	s->pool[0] |= 1;
	CHECK_RC(unit_set(s, "new", "x"), 0);
	/* Every entry seems to have a key. */
	uint64_t words[8];
	for (uint64_t i = 0; i < s->geo.entries; i++) {
		words[i] = s->table[i].word;
		if (!words[i])
			s->table[i].word = spli_word(s, 1, 1);
	}
	CHECK_RC(unit_set(s, "newer", ""), -EBADMSG);
	for (uint64_t i = 0; i < s->geo.entries; i++)
		s->table[i].word = words[i];
	/* Touching what is reserved, with marks that are none. */
	h->low = 0;
	spl_close(unit_again(s, SPL_PREFAULT));
	h->low = low;
	h->high = UINT64_MAX;
	spl_close(unit_again(s, SPL_PREFAULT));
	h->high = high;
	CHECK(unit_is(s, "k", "value") && unit_is(s, "new", "x") &&
			!unit_set(again, "newer", ""),
		"all is well again");
	spl_close(again);
	unit_drop(s);
}

/* What is reserved at a time has a limit. Only a file's size is at stake. */
static void
large_steps(void)
{
	if (TEST_KIND != SPL_FILE)
		return;
	spl_store *s = unit_store(TEST_KIND, 1000, 4 << 20);
	uint64_t high = s->header->high + 300, step = 64 << 20;

	s->header->high = high; /* of which nobody uses any */
	int rc = spli_reserve_up(s, high);
	uint64_t want = high + 1 + step / s->geo.stride;
	CHECK((rc == 0 && s->header->high == want) || rc == -ENOSPC ||
			s->header->high == high + 1,
		"64 MiB at a time");
	unit_drop(s);
}

/* Before the claim is taken, somebody breaks the key that is to be inserted. */
static void
break_key(void *arg)
{
	spl_store *s = arg;
	struct spli_key key;
	uint64_t slot;

	if (spli_key_make(&key, "k") || spli_table_place(s, &key, &slot))
		abort();
	spli_table_claim(s, &key, slot);
	s->table[slot].word = spli_word(s, 1, 1);
}

static void
broken_under_the_claim(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 16);

	unit_set(s, "other", "fine");
	hook_set(HOOK_spli_claim_take,
		(struct hook){.before = break_key, .arg = s});
	CHECK_RC(unit_set(s, "k", "x"), -EBADMSG);
	CHECK(hook_end(HOOK_spli_claim_take) == 1 && !s->header->claim &&
			unit_is(s, "other", "fine"),
		"the claim is let go");
	unit_drop(s);
}

static void
times(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 40);
	uint64_t *soonest = &s->header->soonest;

	spli_ttl_note(s, UINT64_MAX);
	uint64_t latest = *soonest >> 30;
	CHECK(latest == (UINT64_C(1) << 34) - 1, "no time is too late");
	spli_ttl_note(s, 1);
	CHECK(*soonest >> 30 == 1, "an earlier one counts");
	unit_set(s, "k", "0123456789012345678901234");
	CHECK_RC(spl_add(s, "k", 1, NULL), -EINVAL);
	CHECK(s->header->parse_failures == 1, "too long for a number");
	unit_drop(s);
}

void
test_garbage(void)
{
	records();
	rivals_records();
	leases();
	leased_by_the_living();
	leased_by_the_dead();
	marks_and_pool();
	large_steps();
	broken_under_the_claim();
	times();
}
