/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - from a key to its slot: open addressing, linear probing from the
 * key's home, bounded by the home's reach (the farthest distance, plus one,
 * of any key at home there).
 *
 * Lettered rules, with test/model/table.pml:
 *
 *  T1  an insert stores reach, then hash, then swaps the word in: whoever can
 *      know of the key finds it
 *  T2  an unset swaps "no block" in, then shrinks the reach to the farthest
 *      key that is left; the entry keeps its hash
 *  T3  a reader believes no key comparison, equal or not, before R3
 *  T4  only who holds the claim changes reach or hash, or the word of an
 *      entry without a block
 *
 * So a key that is there all through a search is found, and one that is not
 * costs a probe or two, also after any number of turnovers.
 */
#ifndef SPLI_TABLE_H
#define SPLI_TABLE_H

#include "store.h"

/* Where a key was found, and the word that was read there. */
struct spli_spot {
	uint64_t slot, word;
	struct spli_block *block;
};

/*
 * spli_table_look - whether the key (null: any) is in this slot.
 * Returns 1, and then the comparison still wants R3 (or a successful swap of
 * the word); 0; -EAGAIN; -EBADMSG when the word names a block that does not
 * agree. Stores nothing.
 */
int spli_table_look(const spl_store *s, uint64_t slot,
	const struct spli_key *key, struct spli_spot *spot);

/* The same for all slots: 0 (wants R3), -ENOENT, -EAGAIN, -EBADMSG. */
int spli_table_find(
	const spl_store *s, const struct spli_key *key, struct spli_spot *spot);

/* Under the claim: the entry for a new key. */
int spli_table_place(
	const spl_store *s, const struct spli_key *key, uint64_t *slot);
/* T1, but for the word. */
void spli_table_claim(spl_store *s, const struct spli_key *key, uint64_t slot);
/* T2: shrink the reach at the home of @hash to what it has to be. */
void spli_table_settle(spl_store *s, uint64_t hash);

#endif
