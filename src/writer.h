/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - writer entries: who may write, and who is alive.
 *
 * A process owns entries, a writing call leases one of them, an insert or
 * unset takes the structure claim in the entry's name.
 *
 * Whether the owner of an entry lives is asked of the kernel: he holds a
 * lock on the entry's first byte in the store's file through an open file
 * description that nobody else has. Neither a PID nor a time is believed.
 *
 *   what                    taken by                     given back by
 *   ownership (lock, owner) the first call that needs it close, or death
 *   lease                   compare-and-swap 0 -> name   store of 0
 *   claim                   compare-and-swap 0 -> name   store of 0
 *
 * Lettered rules, with test/model/steal.pml, lease.pml and two_slots.pml:
 *
 *  L1  a lease is taken with acquire and given back with release: the ring,
 *      the record and auto-vacuum's flag go along
 *  L2  the claim likewise; the pool, the table and the floor go along
 *  L3  a record is written and read like a block: op away, release fence,
 *      fields, op; op, fields, acquire fence, op again
 *  L4  what a dead owner left is touched only behind his lock. There all that
 *      he stored is seen; orders of his own stores bind the compiler
 *
 * docs/protocol.md has the partners of these and of all the other letters.
 *
 * The name of entry e is e + 1. All of a dead owner's are taken over by who
 * locks the byte: he finishes or undoes what the record says (repair.c).
 */
#ifndef SPLI_WRITER_H
#define SPLI_WRITER_H

#include "store.h"

/* A leased entry, for one call. */
struct spli_lease {
	spl_store *store;
	struct spli_writer *writer;
	uint32_t name;
	bool vacuum; /* the store's flag, read after the lease was taken */
};

/* -EROFS; -EAGAIN when all are busy or other processes own them; -ENOSPC. */
int spli_lease_take(spl_store *s, struct spli_lease *lease);
void spli_lease_drop(struct spli_lease *lease);

/*
 * Lease entry @e, whoever owns it, under the name of one of our own, to scrub
 * its ring. -EAGAIN after the bounded wait.
 */
int spli_lease_foreign(spl_store *s, uint32_t e, uint32_t name);

/* -EAGAIN after the bounded wait; a dead holder is repaired. */
int spli_claim_take(struct spli_lease *lease);
void spli_claim_drop(struct spli_lease *lease);

/* Repair entry @e if its owner is dead: 0. -EAGAIN: he lives, or it is ours. */
int spli_writer_rescue(spl_store *s, uint32_t e);
/* All of them. */
void spli_writers_rescue(spl_store *s);

/* Prepare, and end, a handle's part in all this; under the registry's lock. */
int spli_writers_prepare(spl_store *s);
void spli_writers_stop(spl_store *s);
/* In a child: it owns nothing until it writes. */
void spli_writers_forked(spl_store *s);

/* What is in flight. The lease is held. */
void spli_record_begin(struct spli_writer *w, enum spli_kind kind,
	uint64_t slot, uint64_t old, uint32_t block, uint32_t extra);
/* From now on only SPLI_ANNOUNCE, or SPLI_IDLE, is left of it. */
void spli_record_turn(struct spli_writer *w, enum spli_kind kind);

static inline enum spli_kind
spli_record_kind(uint64_t op)
{
	return (enum spli_kind)(op & ((1 << SPLI_KIND_BITS) - 1));
}

#endif
