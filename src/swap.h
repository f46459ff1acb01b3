/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap.h - the protocol: fill a private block, publish it by one
 * compare-and-swap of the slot's word {block, generation}.
 *
 * Writer                                      Reader
 *  W1 n.stamp = 0; release fence               R1 w = slot.word, acquire
 *     fill n with key and value                R2 block(w).stamp fits w, or again
 *  W2 n.stamp = {slot, generation + 1}            bound the length, compare, copy
 *  W3 compare-and-swap the word,               R3 acquire fence; the stamp still
 *     release and acquire                         fits, or again
 *
 *  W1 pairs with R3: had a load of the copy met bytes of a newer filling, R3
 *     meets the zero before them, or a later stamp.
 *  W3 pairs with R1: what is read was written before it was published.
 *  Scrubbing is a W1 without W2: stamp = 0, release fence, zeros.
 *
 * Who may run beside whom:
 *
 *              get    update  insert  unset   scrub of spares  repair
 *   get        yes    yes     yes     yes     yes              yes
 *   update     yes    yes(1)  yes     yes     yes(2)           yes
 *   insert     yes    yes     claim   claim   yes(2)           claim
 *   unset      yes    yes     claim   claim   yes(2)           claim
 *
 *   (1) through different writer entries: the lease sees to that
 *   (2) of another entry's ring: its lease; of the pool: the claim
 */
#ifndef SPLI_SWAP_H
#define SPLI_SWAP_H

#include "table.h"
#include "writer.h"

/* Where a read goes. */
struct spli_read {
	void *buf;
	size_t cap;
	uint64_t len; /* out; of the value, also when it does not fit */
	uint64_t epoch; /* out */
	uint64_t expiry; /* out; 0: never */
	uint64_t born; /* out; the first epoch since the key was absent */
};

/*
 * spli_block_copy - R2 (again) and R3 around a copy of a found value.
 * Returns 0; -EMSGSIZE; -ESTALE: replaced meanwhile, look up again.
 * Wait-free; stores nothing to shared memory.
 */
int spli_block_copy(const spl_store *s, const struct spli_spot *spot,
	struct spli_read *read);

/* What a set does with what was there. */
enum spli_action { SPLI_SET, SPLI_ADD, SPLI_APPEND, SPLI_EXPIRE };

struct spli_set {
	enum spli_action action;
	const struct spli_key *key;
	uint64_t *hint; /* a slot to look at first, kept up to date; or null */
	const void *val;
	size_t len;
	int64_t delta;
	uint64_t
		expiry; /* of a set, and of what SPLI_EXPIRE leaves; 0: never */
	bool conditional; /* on this epoch; 0: absent */
	uint64_t epoch;
	uint64_t now; /* out: the new epoch, or the one found on -ESTALE */
	int64_t sum; /* out */
	uint64_t total; /* out: the new length */
};

int spli_set(spl_store *s, struct spli_set *set);
int64_t spli_unset(spl_store *s, const struct spli_key *key);
/* Remove what has expired in @slot: 1, or 0 if there is no such thing. */
int spli_slot_reclaim(struct spli_lease *lease, uint64_t slot);

/* Find a key, trying the slot in @hint first. As spli_table_find. */
int spli_find(const spl_store *s, const struct spli_key *key, uint64_t *hint,
	struct spli_spot *spot);
/*
 * Find and copy. 0, -ENOENT, -EMSGSIZE, -EAGAIN, -EBADMSG. What has expired is
 * absent: -ENOENT as well, but then with a block in @spot.
 */
int spli_get(const spl_store *s, const struct spli_key *key, uint64_t *hint,
	struct spli_read *read, struct spli_spot *spot);

/* What was read, in the API's words. */
void spli_key_stat(const spl_store *s, struct spl_key_stat *stat,
	const struct spli_spot *spot, const struct spli_read *read,
	const char *key, uint64_t hash);

/*
 * Whatever is in @slot, expired or not: 1 with @key and @read (whose len may
 * be more than its cap: then nothing was copied); 0, -EAGAIN, -EBADMSG.
 */
int spli_slot_read(const spl_store *s, uint64_t slot, char key[SPLI_KEY_SIZE],
	struct spli_read *read, struct spli_spot *spot);

/* Make a block that no word names invalid, and with @scrub, clean. */
void spli_block_retire(
	const spl_store *s, struct spli_block *block, bool scrub);
/* What follows a swap: mark the displaced block as @name's, scrub it. */
struct spli_block *spli_block_displace(
	spl_store *s, uint64_t id, uint32_t name, bool scrub);

/* What follows an unset's: mark, retire, back to the pool; the reach (T2). */
void spli_block_release(
	spl_store *s, uint64_t id, uint64_t hash, uint32_t name, bool scrub);

#endif
