/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what a feed remembers: the keys that it has told to be there, by
 * key, by slot, and by when they expire. Private to the process.
 */
#ifndef SPLI_MEMORY_H
#define SPLI_MEMORY_H

#include "store.h"

struct spli_known {
	struct spli_known *next_by_key, *next_by_slot; /* of the same bucket */
	uint64_t slot; /* where the key was last */
	uint64_t word; /* the slot's, when it was read there last */
	uint64_t hash;
	uint64_t epoch;
	uint64_t expiry; /* of that value; 0: never */
	uint64_t len; /* of the value, */
	void *value; /* which is kept only if it expires; else null */
	size_t heap; /* its place in the heap, from 1; 0: in none */
	uint32_t walk; /* the walk over the table that met it last */
	bool untold; /* known, but the feed has not told it yet */
	char key[SPLI_KEY_SIZE];
};

struct spli_bucket {
	struct spli_known *by_key, *by_slot; /* the first of either chain */
};

struct spli_memory {
	struct spli_bucket *bucket;
	size_t buckets; /* a power of two */
	size_t count;
	struct spli_known **heap; /* the earliest first */
	size_t heap_count, heap_room;
};

int spli_memory_start(struct spli_memory *m);
void spli_memory_free(struct spli_memory *m);

struct spli_known *spli_memory_find(
	const struct spli_memory *m, const char *key, uint64_t hash);
/* The first in the slot whose key is another than @but (null: any). */
struct spli_known *spli_memory_in_slot(
	const struct spli_memory *m, uint64_t slot, const char *but);

/* Null: no memory. Nothing has changed then. */
struct spli_known *spli_memory_add(
	struct spli_memory *m, const char *key, uint64_t hash, uint64_t slot);
void spli_memory_move(
	struct spli_memory *m, struct spli_known *known, uint64_t slot);
/* -ENOMEM: nothing has changed. */
int spli_memory_expire(
	struct spli_memory *m, struct spli_known *known, uint64_t expiry);
void spli_memory_forget_expiry(struct spli_memory *m, struct spli_known *known);
void spli_memory_remove(struct spli_memory *m, struct spli_known *known);
/* All of them. */
void spli_memory_forget(struct spli_memory *m);

/* The one that expires first, or null. */
static inline struct spli_known *
spli_memory_first(const struct spli_memory *m)
{
	return m->heap_count ? m->heap[0] : NULL;
}

#endif
