/* SPDX-License-Identifier: Apache-2.0 */
#include "repair.h"

#include "feed.h"
#include "pool.h"
#include "swap.h"
#include "table.h"
#include "ttl.h"
#include "wait.h"
#include "writer.h"

/*
 * Whether entry @e has in flight a swap of @word in @slot for something else.
 * The entry may be a living rival's, so its record is read like a block: op,
 * fields, op again (the acquire fence pairs with the release fence of
 * spli_record_begin; fields of two records taken for one would hand out a
 * live block).
 */
static bool
in_flight(const spl_store *s, uint32_t e, uint64_t slot, uint64_t word)
{
	const struct spli_record *r = &s->writers[e].record;

	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		/* Acquire: pairs with spli_record_turn. Who is past his
		 * record has marked the block he displaced. */
		uint64_t op = spli_load_acquire(&r->op);
		enum spli_kind kind = spli_record_kind(op);
		if (kind != SPLI_UPDATE && kind != SPLI_UNSET)
			return false;
		bool match = spli_load(&r->slot) == slot &&
			     spli_load(&r->old) == word;
		spli_fence_acquire();
		if (spli_load(&r->op) == op)
			return match;
	}
	/* Changed ten thousand times: then it is not the one of the moment
	 * when our word was displaced, and the mark is set. */
	return false;
}

/*
 * Whether the swap in @r of entry @e had happened. @block was private to the
 * entry before: somebody else's mark on it, or a rival who is just displacing
 * it, says that it was published. The order of the questions matters: a rival
 * marks before he clears his record.
 */
static bool
published(const spl_store *s, uint32_t e, const struct spli_record *r,
	const struct spli_block *block)
{
	uint64_t ours = spli_word_next(s, r->old, r->block);

	if (spli_load(&block->owner) != e + 1)
		return true;
	/* Acquire: pairs with the swap that replaced ours, W3. */
	if (spli_load_acquire(&s->table[r->slot].word) == ours)
		return true;
	for (uint32_t i = 0; i < s->geo.writers; i++)
		if (i != e && in_flight(s, i, r->slot, ours))
			return true;
	return spli_load(&block->owner) != e + 1;
}

/* The reach at the home of the key in @block, which was not published. */
static void
settle_reach(spl_store *s, const struct spli_block *block)
{
	uint64_t key[SPLI_KEY_SIZE / 8];

	for (unsigned i = 0; i < SPLI_KEY_SIZE / 8; i++)
		key[i] = spli_load(&block->key[i]);
	size_t len = strnlen((const char *)key, sizeof key);
	spli_table_settle(s, spli_hash(key, len));
}

/* A set, of an existing key or a new one. True if it was published. */
static bool
settle_set(spl_store *s, uint32_t e, const struct spli_record *r, bool insert)
{
	struct spli_writer *w = &s->writers[e];
	struct spli_block *block = spli_block(s, r->block);
	uint64_t displaced = spli_word_block(s, r->old);
	uint32_t *spare = &w->spare[spli_load(&w->pos) % s->geo.ring];

	if (!block)
		return false; /* no writer of ours wrote that */
	if (spli_load(spare) != r->block)
		return true; /* published, and the ring has been served */
	if (!published(s, e, r, block)) {
		if (insert) {
			settle_reach(s, block);
			spli_pool_give(s, r->extra);
		}
		return false;
	}
	/* Read before it may be displaced and scrubbed: any is as good. */
	spli_ttl_note(s, spli_load(&block->expiry));
	if (insert)
		spli_store_release(spare, r->extra);
	else if (spli_block_displace(s, displaced, e + 1, spli_vacuums(s)))
		spli_store_release(spare, (uint32_t)displaced);
	return true;
}

/* An unset: the claim has kept everybody else away from the slot. */
static bool
settle_unset(spl_store *s, uint32_t e, const struct spli_record *r)
{
	struct spli_entry *entry = &s->table[r->slot];
	uint64_t displaced = spli_word_block(s, r->old);

	if (spli_load_acquire(&entry->word) != spli_word_next(s, r->old, 0))
		return false;
	spli_block_release(
		s, displaced, spli_load(&entry->hash), e + 1, spli_vacuums(s));
	return true;
}

/*
 * The next spare may be half filled, or stamped and never published. The
 * others were displaced, and dealt with then.
 */
static void
tidy_spare(spl_store *s, const struct spli_writer *w)
{
	uint32_t pos = spli_load(&w->pos) % (uint32_t)s->geo.ring;
	struct spli_block *block = spli_block(s, spli_load(&w->spare[pos]));

	if (spli_load(&w->ready) && block)
		spli_block_retire(s, block, spli_vacuums(s));
}

/* What there was to tell; no writer of ours writes what is none of them. */
static enum spli_happened
what_happened(uint32_t kind, uint32_t extra)
{
	uint32_t happened = kind == SPLI_UNSET	    ? extra
			    : kind >= SPLI_ANNOUNCE ? kind - SPLI_ANNOUNCE
						    : SPLI_SET_THERE;

	if (happened > SPLI_EXPIRED_THERE ||
		(kind == SPLI_UNSET && happened == SPLI_SET_THERE))
		return SPLI_UNSET_THERE;
	return (enum spli_happened)happened;
}

void
spli_repair(spl_store *s, uint32_t e)
{
	struct spli_writer *w = &s->writers[e];
	/* Its writer is dead: nobody changes it but us. (Who does is hostile:
	 * read once, then bounded.) */
	struct spli_record r = {
		.op = spli_load_acquire(&w->record.op),
		.slot = spli_load(&w->record.slot),
		.old = spli_load(&w->record.old),
		.block = spli_load(&w->record.block),
		.extra = spli_load(&w->record.extra),
	};
	enum spli_kind kind = spli_record_kind(r.op);
	bool announce = kind >= SPLI_ANNOUNCE;
	bool structural = kind == SPLI_INSERT || kind == SPLI_UNSET;
	enum spli_happened happened = what_happened(kind, r.extra);

	if (kind != SPLI_IDLE && r.slot >= s->geo.entries)
		announce = false; /* no writer of ours wrote that */
	else if (kind == SPLI_UPDATE || kind == SPLI_INSERT)
		announce = settle_set(s, e, &r, kind == SPLI_INSERT);
	else if (kind == SPLI_UNSET)
		announce = settle_unset(s, e, &r);
	if (structural)
		spli_structure_changed(s);
	tidy_spare(s, w);
	if (kind != SPLI_IDLE)
		spli_record_turn(
			w, announce ? SPLI_ANNOUNCE + happened : SPLI_IDLE);
	if (announce)
		spli_feed_append(s, r.slot, happened);
	if (spli_load(&s->header->claim) == e + 1)
		spli_store_release(&s->header->claim, 0); /* F3 */
	if (announce) {
		spli_fence_full();
		spli_wake_key(s, r.slot);
		spli_wake_others(s, true);
		spli_record_turn(w, SPLI_IDLE);
	}
}
