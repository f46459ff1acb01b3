/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "victim.h"

#include <string.h>

#include "feed.h"
#include "pool.h"
#include "swap.h"
#include "wait.h"
#include "writer.h"

static void
step(struct victim *v)
{
	if (v->steps--)
		return;
	unit_die();
}

/* W1 and the filling, in two steps: half a value, and a whole one. */
static void
fill(struct victim *v, struct spli_block *b)
{
	uint64_t words[SPLI_KEY_SIZE / 8] = {0};

	memcpy(words, VICTIM_KEY, VICTIM_KEY_LEN);
	spli_store(&b->stamp, 0);
	spli_store(&b->len, VICTIM_LEN);
	spli_fence_release();
	for (unsigned i = 0; i < SPLI_KEY_SIZE / 8; i++)
		spli_store(&b->key[i], words[i]);
	spli_copy(b->bytes, VICTIM_NEW, VICTIM_LEN / 2);
	step(v);
	spli_copy(b->bytes, VICTIM_NEW, VICTIM_LEN);
	step(v);
}

static void
swap(struct victim *v, uint64_t slot, uint64_t old, uint64_t next)
{
	if (!spli_cas(&v->s->table[slot].word, &old, next))
		abort();
	unit_post(VICTIM_PUBLISHED, 1);
	step(v);
}

/* With the claim, if it is held, and all that is left to do. */
static void
tell(struct victim *v, struct spli_lease *lease, uint64_t slot,
	enum spli_happened happened, bool structural)
{
	spli_feed_append(v->s, slot, happened);
	step(v);
	if (structural) {
		spli_claim_drop(lease);
		step(v);
	}
	spli_wake_key(v->s, slot);
	spli_wake_others(v->s, structural);
	step(v);
	spli_record_turn(lease->writer, SPLI_IDLE);
	step(v);
}

static void
update(struct victim *v, struct spli_lease *lease, const struct spli_key *key)
{
	spl_store *s = v->s;
	struct spli_writer *w = lease->writer;
	uint32_t *spare = &w->spare[w->pos % s->geo.ring], id = *spare;
	struct spli_block *b = spli_block(s, id);
	struct spli_spot spot;

	fill(v, b);
	if (spli_table_find(s, key, &spot))
		abort();
	uint64_t next = spli_word_next(s, spot.word, id);
	uint64_t displaced = spli_word_block(s, spot.word);
	spli_store(&b->epoch, spli_load(&spot.block->epoch) + 2);
	spli_store(&b->stamp, spli_stamp(s, next, spot.slot));
	step(v);
	spli_record_begin(w, SPLI_UPDATE, spot.slot, spot.word, id, 0);
	step(v);
	swap(v, spot.slot, spot.word, next);
	spli_block_displace(s, displaced, lease->name, false);
	step(v);
	spli_block_displace(s, displaced, lease->name, lease->vacuum);
	step(v);
	spli_store_release(spare, (uint32_t)displaced);
	step(v);
	spli_record_turn(w, SPLI_ANNOUNCE);
	step(v);
	spli_store_release(&w->pos, w->pos + 1);
	step(v);
	tell(v, lease, spot.slot, SPLI_SET_THERE, false);
}

static void
insert(struct victim *v, struct spli_lease *lease, const struct spli_key *key)
{
	spl_store *s = v->s;
	struct spli_writer *w = lease->writer;
	uint32_t *spare = &w->spare[w->pos % s->geo.ring], id = *spare;
	struct spli_block *b = spli_block(s, id);
	uint64_t slot, extra = spli_pool_find(s);

	if (spli_claim_take(lease))
		abort();
	step(v);
	fill(v, b);
	if (!spli_block(s, extra) || spli_table_place(s, key, &slot))
		abort();
	uint64_t old = spli_load(&s->table[slot].word);
	uint64_t next = spli_word_next(s, old, id);
	spli_store(&b->epoch, spli_load(&s->header->floor) + 2);
	spli_store(&b->stamp, spli_stamp(s, next, slot));
	spli_record_begin(w, SPLI_INSERT, slot, old, id, (uint32_t)extra);
	step(v);
	spli_pool_take(s, extra);
	step(v);
	spli_store_release(&spli_block(s, extra)->owner, lease->name);
	if (lease->vacuum)
		spli_block_retire(s, spli_block(s, extra), true);
	step(v);
	spli_table_claim(s, key, slot);
	step(v);
	swap(v, slot, old, next);
	spli_store_release(spare, (uint32_t)extra);
	step(v);
	spli_structure_changed(s);
	step(v);
	spli_record_turn(w, SPLI_ANNOUNCE);
	step(v);
	spli_store_release(&w->pos, w->pos + 1);
	step(v);
	tell(v, lease, slot, SPLI_SET_THERE, true);
}

static void
unset(struct victim *v, struct spli_lease *lease, const struct spli_key *key)
{
	spl_store *s = v->s;
	struct spli_writer *w = lease->writer;
	struct spli_spot spot;

	if (spli_claim_take(lease) || spli_table_find(s, key, &spot))
		abort();
	step(v);
	uint64_t id = spli_word_block(s, spot.word);
	spli_store_release(&s->header->floor, spli_load(&spot.block->epoch));
	step(v);
	spli_record_begin(
		w, SPLI_UNSET, spot.slot, spot.word, 0, SPLI_UNSET_THERE);
	step(v);
	swap(v, spot.slot, spot.word, spli_word_next(s, spot.word, 0));
	spli_block_displace(s, id, lease->name, false);
	step(v);
	spli_block_retire(s, spot.block, lease->vacuum);
	step(v);
	spli_pool_give(s, id);
	step(v);
	spli_table_settle(s, key->hash);
	step(v);
	spli_structure_changed(s);
	step(v);
	spli_record_turn(w, SPLI_ANNOUNCE + SPLI_UNSET_THERE);
	step(v);
	tell(v, lease, spot.slot, SPLI_UNSET_THERE, true);
}

void
victim_run(void *victim)
{
	struct victim *v = victim;
	struct spli_lease lease;
	struct spli_key key;

	unit_post(VICTIM_TAIL, (int)spli_feed_tail(v->s));
	if (spli_key_make(&key, VICTIM_KEY) || spli_lease_take(v->s, &lease))
		abort();
	unit_post(VICTIM_ENTRY, (int)lease.name);
	step(v);
	if (v->kind == SPLI_UPDATE)
		update(v, &lease, &key);
	else if (v->kind == SPLI_INSERT)
		insert(v, &lease, &key);
	else
		unset(v, &lease, &key);
	spli_lease_drop(&lease);
}

void
victim_open_and_run(void *victim)
{
	struct victim *v = victim;
	struct spl_options o = unit_options(TEST_KIND, 1, 1);

	if (!EXPECT(spl_open(v->name, &o, &v->s) == 0))
		return;
	/* So that the ring has blocks with a history. */
	EXPECT(unit_set(v->s, "own", "value of its own") == 0);
	EXPECT(spl_unset(v->s, "own") == 16);
	victim_run(v);
}
