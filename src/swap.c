/* SPDX-License-Identifier: Apache-2.0 */
#include "swap.h"

#include <inttypes.h>
#include <stdio.h>

#include "feed.h"
#include "map.h"
#include "pool.h"
#include "ttl.h"
#include "wait.h"
#include "writer.h"

enum {
	AGAIN = 1, /* somebody was faster: look again */
	NUMBER_MAX = 24 /* more than any int64_t has as text */
};

/*
 * Reading.
 */
int
spli_block_copy(const spl_store *s, const struct spli_spot *spot,
	struct spli_read *read)
{
	const struct spli_block *block = spot->block;
	/* May be torn until R3 agrees, so read it once and bound it. */
	uint64_t len = spli_load(&block->len);
	uint64_t epoch = spli_load(&block->epoch);
	uint64_t expiry = spli_load(&block->expiry);
	uint64_t born = spli_load(&block->born);
	bool fits = len <= read->cap;

	if (fits && len <= s->geo.max_value && read->buf)
		spli_copy(read->buf, block->bytes, len);
	/* R3: pairs with W1. Had a load above met a newer filling, this one
	 * would meet its zero, or a later stamp. */
	spli_fence_acquire();
	if (!spli_block_holds(s, block, spot->slot, spot->word))
		return -ESTALE;
	if (len > s->geo.max_value)
		return -EBADMSG;
	read->len = len;
	read->epoch = epoch;
	read->expiry = expiry;
	read->born = born;
	return fits ? 0 : -EMSGSIZE;
}

int
spli_find(const spl_store *s, const struct spli_key *key, uint64_t *hint,
	struct spli_spot *spot)
{
	if (hint && *hint < s->geo.entries &&
		spli_table_look(s, *hint, key, spot) == 1)
		return 0;
	int rc = spli_table_find(s, key, spot);
	if (!rc && hint)
		*hint = spot->slot;
	return rc;
}

int
spli_get(const spl_store *s, const struct spli_key *key, uint64_t *hint,
	struct spli_read *read, struct spli_spot *spot)
{
	bool size_only = !read->buf;

	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		spot->block = NULL;
		int rc = spli_find(s, key, hint, spot);
		if (!rc)
			rc = spli_block_copy(s, spot, read);
		if (rc == -EMSGSIZE && size_only)
			rc = 0;
		if ((!rc || rc == -EMSGSIZE) && spli_expired(s, read->expiry))
			return -ENOENT;
		if (rc != -ESTALE)
			return rc;
	}
	return -EAGAIN;
}

int
spli_slot_read(const spl_store *s, uint64_t slot, char key[SPLI_KEY_SIZE],
	struct spli_read *read, struct spli_spot *spot)
{
	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		int rc = spli_table_look(s, slot, NULL, spot);
		if (rc != 1)
			return rc;
		spli_copy(key, spot->block->key, SPLI_KEY_SIZE);
		key[SPL_KEY_MAX] = '\0';
		rc = spli_block_copy(s, spot, read);
		if (rc != -ESTALE)
			return rc == -EBADMSG ? rc : 1;
	}
	return -EAGAIN;
}

void
spli_key_stat(const spl_store *s, struct spl_key_stat *stat,
	const struct spli_spot *spot, const struct spli_read *read,
	const char *key, uint64_t hash)
{
	*stat = (struct spl_key_stat){
		.hash = hash,
		.epoch = read->epoch,
		.len = read->len,
		.val_off =
			(uint64_t)(spot->block->bytes - (uint8_t *)s->header),
		.ttl_ms = spli_ttl_left(s, read->expiry),
		.waited = spli_load(&s->table[spot->slot].waiters) & 1,
	};
	memcpy(stat->key, key, strlen(key));
}

/*
 * Blocks.
 */
static uint64_t
bounded_len(const spl_store *s, const struct spli_block *block)
{
	uint64_t len = spli_load(&block->len);

	return len <= s->geo.max_value ? len : s->geo.max_value;
}

void
spli_block_retire(const spl_store *s, struct spli_block *block, bool scrub)
{
	uint64_t len = bounded_len(s, block);

	spli_store(&block->stamp, 0);
	if (!scrub || (!len && !spli_load(&block->key[0])))
		return;
	/* As W1: who still reads it meets the zero in R3. */
	spli_fence_payload(len);
	spli_zero(block->bytes, len);
	/* What says "dirty" goes last: dying in between leaves it said. */
	for (unsigned i = SPLI_KEY_SIZE / 8; i-- > 0;)
		spli_store_release(&block->key[i], 0);
	spli_store_release(&block->len, 0);
}

struct spli_block *
spli_block_displace(spl_store *s, uint64_t id, uint32_t name, bool scrub)
{
	struct spli_block *block = spli_block(s, id);

	if (!block)
		return NULL;
	/* Before anything else: a dead writer's repair reads it. */
	spli_store_release(&block->owner, name);
	if (scrub)
		spli_block_retire(s, block, true);
	return block;
}

void
spli_block_release(
	spl_store *s, uint64_t id, uint64_t hash, uint32_t name, bool scrub)
{
	struct spli_block *block = spli_block_displace(s, id, name, false);

	if (block) {
		spli_block_retire(s, block, scrub);
		spli_pool_give(s, id);
	}
	spli_table_settle(s, hash);
}

/* W1 and the filling, from two parts. No word names the block. */
static void
fill(const spl_store *s, struct spli_block *block, const struct spli_key *key,
	const void *a, size_t a_len, const void *b, size_t b_len)
{
	uint64_t old_len = bounded_len(s, block), len = a_len + b_len;

	spli_store(&block->stamp, 0);
	/* W1: pairs with R3. Nobody reads anything of the new filling, its
	 * length included, and the stamp of the old one after it. */
	spli_fence_release();
	/* len says how far the block may be dirty, also if we die now: before
	 * the bytes. */
	spli_store(&block->len, (uint32_t)(len > old_len ? len : old_len));
	spli_fence_payload(len > old_len ? len : old_len);
	for (unsigned i = 0; i < SPLI_KEY_SIZE / 8; i++)
		spli_store(&block->key[i], spli_key_word(key, i));
	spli_copy(block->bytes, a, a_len);
	spli_copy(block->bytes + a_len, b, b_len);
	if (old_len > len)
		spli_zero(block->bytes + len, old_len - len);
	spli_store_release(&block->len, (uint32_t)len);
}

/*
 * Writing. What one set carries along.
 */
struct writing {
	spl_store *s;
	struct spli_set *set;
	struct spli_lease lease;
	uint32_t *spare; /* the ring's place that is being used */
	uint32_t id; /* and its block */
	struct spli_block *block;
	bool filled;
	uint64_t expiry; /* what the new value gets */
	uint64_t born; /* 0: with its own epoch */
};

static int
begin(struct writing *w)
{
	struct spli_writer *writer = w->lease.writer;
	uint32_t pos = spli_load(&writer->pos) % (uint32_t)w->s->geo.ring;

	w->spare = &writer->spare[pos];
	w->id = spli_load(w->spare);
	w->block = spli_block(w->s, w->id);
	return w->block ? 0 : -EBADMSG;
}

static int
not_a_number(spl_store *s)
{
	spli_add_relaxed(&s->header->parse_failures, 1);
	spli_store(&s->header->last_failure_epoch, spli_feed_tail(s));
	return -EINVAL;
}

static bool
parse_number(const char *text, size_t len, int64_t *number)
{
	bool negative = len && *text == '-';
	size_t i = negative || (len && *text == '+');
	int64_t n = 0;

	if (i == len)
		return false;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' ||
			__builtin_mul_overflow(n, 10, &n))
			return false;
		int digit = text[i] - '0';
		if (negative ? __builtin_sub_overflow(n, digit, &n)
			     : __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*number = n;
	return true;
}

/* @spot null: the key is absent. */
static int
fill_sum(struct writing *w, const struct spli_spot *spot)
{
	struct spli_set *set = w->set;
	char text[NUMBER_MAX];
	struct spli_read read = {.buf = text, .cap = sizeof text};
	int64_t number = 0;

	if (spot) {
		int rc = spli_block_copy(w->s, spot, &read);
		if (rc == -ESTALE)
			return AGAIN;
		if (rc == -EBADMSG)
			return rc;
		if (rc || !parse_number(text, read.len, &number))
			return not_a_number(w->s);
	}
	if (__builtin_add_overflow(number, set->delta, &set->sum))
		return -ERANGE;
	int len = snprintf(text, sizeof text, "%" PRId64, set->sum);
	if ((uint64_t)len > w->s->geo.max_value)
		return -EMSGSIZE;
	fill(w->s, w->block, set->key, text, (size_t)len, NULL, 0);
	return 0;
}

static int
fill_appended(struct writing *w, const struct spli_spot *spot)
{
	struct spli_set *set = w->set;
	uint64_t max = w->s->geo.max_value;
	uint64_t old = spot ? bounded_len(w->s, spot->block) : 0;

	/* (What is appended to nothing has been compared with max already.) */
	if (spot && set->len > max - old) {
		/* Only if that length was true: R3. */
		spli_fence_acquire();
		return spli_block_holds(
			       w->s, spot->block, spot->slot, spot->word)
			       ? -EMSGSIZE
			       : AGAIN;
	}
	set->total = old + set->len;
	/* The old bytes may be torn; then the swap fails. */
	fill(w->s, w->block, set->key, spot ? spot->block->bytes : NULL, old,
		set->val, set->len);
	return 0;
}

/* R3 for what was read at @spot (null: nothing was) and ends the call. */
static int
refuse(const struct writing *w, const struct spli_spot *spot, int rc)
{
	spli_fence_acquire();
	if (spot &&
		!spli_block_holds(w->s, spot->block, spot->slot, spot->word))
		return AGAIN;
	return rc;
}

/*
 * Check the condition and fill the block. @spot: where the key is, or null;
 * @there: whether it counts as present; then with @epoch.
 */
static int
prepare(struct writing *w, const struct spli_spot *spot, bool there,
	uint64_t epoch)
{
	struct spli_set *set = w->set;
	const struct spli_spot *base = there ? spot : NULL;
	int rc;

	if (set->conditional && (there ? epoch : 0) != set->epoch) {
		set->now = there ? epoch : 0;
		return refuse(w, spot, -ESTALE);
	}
	w->born = base ? spli_load(&base->block->born) : 0;
	w->expiry = set->expiry;
	switch (set->action) {
	case SPLI_ADD:
		w->expiry = base ? spli_load(&base->block->expiry) : 0;
		rc = fill_sum(w, base);
		return rc == -EMSGSIZE ? refuse(w, spot, rc) : rc;
	case SPLI_EXPIRE:
		return base ? fill_appended(w, base) : refuse(w, spot, -ENOENT);
	case SPLI_APPEND:
		w->expiry = base ? spli_load(&base->block->expiry) : 0;
		return fill_appended(w, base);
	case SPLI_SET:
		if (!w->filled)
			fill(w->s, w->block, set->key, set->val, set->len, NULL,
				0);
		w->filled = true;
	}
	return 0;
}

/*
 * W2, the record, W3. @extra: the pool's block, for an insert, looked up once
 * by the caller. True if we won; then the record still stands.
 */
static bool
swap(struct writing *w, enum spli_kind kind, uint64_t slot, uint64_t old,
	uint64_t epoch, uint64_t extra, struct spli_block *extra_block)
{
	spl_store *s = w->s;
	uint64_t next = spli_word_next(s, old, w->id);

	spli_store(&w->block->epoch, epoch);
	spli_store(&w->block->expiry, w->expiry);
	spli_store(&w->block->born, w->born ? w->born : epoch);
	spli_store(&w->block->flags, 0);
	/* W2: relaxed is enough, W3 publishes it. */
	spli_store(&w->block->stamp, spli_stamp(s, next, slot));
	spli_record_begin(
		w->lease.writer, kind, slot, old, w->id, (uint32_t)extra);
	if (kind == SPLI_INSERT) {
		spli_pool_take(s, extra);
		spli_store_release(&extra_block->owner, w->lease.name);
		/* A switcher of auto-vacuum may have been past our ring and
		 * not yet here. */
		if (w->lease.vacuum)
			spli_block_retire(s, extra_block, true);
		/* T1: before the word. */
		spli_table_claim(s, w->set->key, slot);
	}
	w->set->now = epoch;
	/* W3: release pairs with R1; acquire, with the W3 before it. */
	return spli_cas(&s->table[slot].word, &old, next);
}

/* The block at the ring's place has changed hands; what is left is to tell. */
static void
finish(struct writing *w, uint64_t slot, uint64_t spare, bool claimed)
{
	struct spli_writer *writer = w->lease.writer;

	/* Before the ring is served: until then a repair notes it for us. */
	spli_ttl_note(w->s, w->expiry);
	spli_store_release(w->spare, (uint32_t)spare);
	if (claimed)
		spli_structure_changed(w->s);
	spli_record_turn(writer, SPLI_ANNOUNCE);
	spli_store_release(&writer->pos, spli_load(&writer->pos) + 1);
	spli_feed_append(w->s, slot, SPLI_SET_THERE);
	if (claimed) {
		spli_claim_drop(&w->lease); /* F3 */
		spli_wake_key(w->s, slot);
	}
	spli_wake_others(w->s, claimed);
	spli_record_turn(writer, SPLI_IDLE);
}

static int
update(struct writing *w, const struct spli_spot *spot)
{
	uint64_t epoch = spli_load(&spot->block->epoch);
	uint64_t expiry = spli_load(&spot->block->expiry);
	bool there = !spli_expired(w->s, expiry);
	int rc = prepare(w, spot, there, epoch);

	if (rc)
		return rc;
	if (!swap(w, SPLI_UPDATE, spot->slot, spot->word, epoch + 2, 0, NULL)) {
		spli_record_turn(w->lease.writer, SPLI_IDLE);
		return AGAIN;
	}
	/* First of all: waking takes longest. */
	spli_wake_key(w->s, spot->slot);
	if (!there)
		spli_time_keep(w->s, expiry);
	uint64_t displaced = spli_word_block(w->s, spot->word);
	spli_block_displace(w->s, displaced, w->lease.name, w->lease.vacuum);
	finish(w, spot->slot, displaced, false);
	return 0;
}

/* Under the claim; on success it has been given back. */
static int
insert_claimed(struct writing *w, uint64_t *wanted)
{
	spl_store *s = w->s;
	struct spli_spot spot;
	uint64_t slot;
	int rc = spli_table_find(s, w->set->key, &spot);

	if (rc != -ENOENT)
		return rc ? rc : AGAIN; /* somebody inserted it: update */
	uint64_t epoch = spli_load(&s->header->floor);
	rc = prepare(w, NULL, false, 0);
	if (rc)
		return rc;
	uint64_t extra = spli_pool_find(s);
	if (!extra)
		return -ENOSPC;
	struct spli_block *extra_block = spli_block(s, extra);
	if (!extra_block && extra < spli_load(&s->header->low))
		return -EBADMSG; /* what is below was never in the pool */
	if (!extra_block) {
		*wanted = extra;
		return AGAIN;
	}
	rc = spli_table_place(s, w->set->key, &slot);
	if (rc)
		return rc;
	uint64_t old = spli_load(&s->table[slot].word);
	if (!swap(w, SPLI_INSERT, slot, old, epoch + 2, extra, extra_block)) {
		/* T4 says that nobody may have done that: a broken peer. */
		spli_pool_give(s, extra);
		spli_record_turn(w->lease.writer, SPLI_IDLE);
		return AGAIN;
	}
	finish(w, slot, extra, true);
	return 0;
}

static int
insert(struct writing *w)
{
	uint64_t wanted = 0;
	int rc;

	/* What cannot be needs no claim. */
	if (w->set->action == SPLI_EXPIRE)
		return -ENOENT;
	if (w->set->conditional && w->set->epoch) {
		w->set->now = 0;
		return -ESTALE;
	}
	rc = spli_claim_take(&w->lease);
	if (rc)
		return rc;
	rc = insert_claimed(w, &wanted);
	if (rc)
		spli_claim_drop(&w->lease);
	/* What can take long is done outside of the claim. */
	if (wanted) {
		rc = spli_reserve_up(w->s, wanted);
		rc = rc ? rc : AGAIN;
	}
	if (rc == -ENOSPC) {
		int64_t count = spli_reclaim(&w->lease);
		rc = count > 0 ? AGAIN : count ? (int)count : -ENOSPC;
	}
	return rc;
}

static int
write_leased(struct writing *w)
{
	int rc = begin(w);

	if (rc)
		return rc;
	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		struct spli_spot spot;
		rc = spli_find(w->s, w->set->key, w->set->hint, &spot);
		if (rc == -ENOENT)
			rc = insert(w);
		else if (!rc)
			rc = update(w, &spot);
		if (rc != AGAIN)
			break;
	}
	if (rc)
		/* Not published: it must not look as if it had been. */
		spli_block_retire(w->s, w->block, w->lease.vacuum);
	return rc == AGAIN ? -EAGAIN : rc;
}

int
spli_set(spl_store *s, struct spli_set *set)
{
	struct writing w = {.s = s, .set = set};

	if (set->len && !set->val)
		return -EINVAL;
	if (s->read_only)
		return -EROFS;
	if (set->len > s->geo.max_value)
		return -EMSGSIZE;
	int rc = spli_lease_take(s, &w.lease);
	if (rc)
		return rc;
	rc = write_leased(&w);
	spli_lease_drop(&w.lease);
	return rc;
}

/*
 * Under the claim: swap "none" in where @spot was found, if it still is as it
 * was then (R3). 0 or -ESTALE.
 */
static int
remove_claimed(struct spli_lease *lease, const struct spli_spot *spot,
	enum spli_happened happened)
{
	spl_store *s = lease->store;
	struct spli_entry *entry = &s->table[spot->slot];
	uint64_t *floor = &s->header->floor;
	uint64_t epoch = spli_load(&spot->block->epoch);
	uint64_t expiry = spli_load(&spot->block->expiry);
	uint64_t id = spli_word_block(s, spot->word);
	uint64_t word = spot->word, next = spli_word_next(s, word, 0);

	spli_fence_acquire(); /* R3 */
	if (!spli_block_holds(s, spot->block, spot->slot, spot->word))
		return -ESTALE;
	/* No new key may start below. */
	if (spli_load(floor) < epoch)
		spli_store_release(floor, epoch);
	if (happened == SPLI_EXPIRED_THERE)
		spli_time_keep(s, expiry);
	spli_record_begin(
		lease->writer, SPLI_UNSET, spot->slot, spot->word, 0, happened);
	/* W3 as well: what a reader finds is "none", or a whole value. */
	if (!spli_cas(&entry->word, &word, next)) {
		spli_record_turn(lease->writer, SPLI_IDLE);
		return -ESTALE;
	}
	spli_block_release(
		s, id, spli_load(&entry->hash), lease->name, lease->vacuum);
	spli_structure_changed(s);
	spli_record_turn(lease->writer, SPLI_ANNOUNCE + happened);
	spli_feed_append(s, spot->slot, happened);
	return 0;
}

/* With the claim given back: tell that @slot has been emptied. */
static void
tell_removal(struct spli_lease *lease, uint64_t slot)
{
	spli_claim_drop(lease);
	spli_wake_key(lease->store, slot);
	spli_wake_others(lease->store, true);
	spli_record_turn(lease->writer, SPLI_IDLE);
}

static int64_t
unset_leased(struct spli_lease *lease, const struct spli_key *key)
{
	spl_store *s = lease->store;
	bool expired = false;
	int64_t len = 0;
	struct spli_spot spot;
	int rc = spli_claim_take(lease);

	if (rc)
		return rc;
	rc = -ESTALE;
	for (unsigned i = 0; i < SPLI_TRIES && rc == -ESTALE; i++) {
		rc = spli_table_find(s, key, &spot);
		if (rc)
			break;
		len = (int64_t)bounded_len(s, spot.block);
		expired = spli_expired(s, spli_load(&spot.block->expiry));
		rc = remove_claimed(lease, &spot,
			expired ? SPLI_EXPIRED_THERE : SPLI_UNSET_THERE);
	}
	if (rc) {
		spli_claim_drop(lease);
		return rc == -ESTALE ? -EAGAIN : rc;
	}
	tell_removal(lease, spot.slot);
	return expired ? -ENOENT : len;
}

int64_t
spli_unset(spl_store *s, const struct spli_key *key)
{
	struct spli_lease lease;
	int64_t rc = spli_lease_take(s, &lease);

	if (rc)
		return rc;
	rc = unset_leased(&lease, key);
	spli_lease_drop(&lease);
	return rc;
}

int
spli_slot_reclaim(struct spli_lease *lease, uint64_t slot)
{
	spl_store *s = lease->store;
	struct spli_spot spot;
	int rc = spli_claim_take(lease);

	if (rc)
		return rc;
	/* Once: what has been replaced meanwhile has not expired. */
	if (spli_table_look(s, slot, NULL, &spot) == 1 &&
		spli_expired(s, spli_load(&spot.block->expiry)) &&
		!remove_claimed(lease, &spot, SPLI_EXPIRED_THERE)) {
		tell_removal(lease, slot);
		return 1;
	}
	spli_claim_drop(lease);
	return 0;
}
