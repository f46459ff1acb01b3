/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 64 };

int
spli_memory_start(struct spli_memory *m)
{
	*m = (struct spli_memory){.buckets = BUCKETS_MIN};
	m->bucket = calloc(BUCKETS_MIN, sizeof *m->bucket);
	if (m->bucket)
		return 0;
	m->buckets = 0;
	return -ENOMEM;
}

static void
known_free(struct spli_known *known)
{
	free(known->value);
	free(known);
}

void
spli_memory_forget(struct spli_memory *m)
{
	for (size_t i = 0; i < m->buckets; i++) {
		for (struct spli_known *k = m->bucket[i].by_key, *next; k;
			k = next) {
			next = k->next_by_key;
			known_free(k);
		}
		m->bucket[i] = (struct spli_bucket){0};
	}
	m->count = m->heap_count = 0;
}

void
spli_memory_free(struct spli_memory *m)
{
	spli_memory_forget(m);
	free(m->bucket);
	free(m->heap);
	*m = (struct spli_memory){0};
}

static struct spli_known **
key_bucket(const struct spli_memory *m, uint64_t hash)
{
	return &m->bucket[spli_hash_home(hash, m->buckets)].by_key;
}

static struct spli_known **
slot_bucket(const struct spli_memory *m, uint64_t slot)
{
	return &m->bucket[slot & (m->buckets - 1)].by_slot;
}

struct spli_known *
spli_memory_find(const struct spli_memory *m, const char *key, uint64_t hash)
{
	struct spli_known *known = *key_bucket(m, hash);

	while (known && (known->hash != hash || strcmp(known->key, key) != 0))
		known = known->next_by_key;
	return known;
}

struct spli_known *
spli_memory_in_slot(const struct spli_memory *m, uint64_t slot, const char *but)
{
	struct spli_known *known = *slot_bucket(m, slot);

	while (known &&
		(known->slot != slot || (but && !strcmp(known->key, but))))
		known = known->next_by_slot;
	return known;
}

static void
link_slot(struct spli_memory *m, struct spli_known *known)
{
	struct spli_known **bucket = slot_bucket(m, known->slot);

	known->next_by_slot = *bucket;
	*bucket = known;
}

static void
unlink_slot(struct spli_memory *m, struct spli_known *known)
{
	struct spli_known **at = slot_bucket(m, known->slot);

	while (*at != known)
		at = &(*at)->next_by_slot;
	*at = known->next_by_slot;
}

static void
link_key(struct spli_memory *m, struct spli_known *known)
{
	struct spli_known **bucket = key_bucket(m, known->hash);

	known->next_by_key = *bucket;
	*bucket = known;
}

/* Twice the buckets; without memory for them the chains grow longer. */
static void
grow(struct spli_memory *m)
{
	struct spli_memory more = *m;

	more.buckets *= 2;
	more.bucket = calloc(more.buckets, sizeof *more.bucket);
	if (!more.bucket)
		return;
	for (size_t i = 0; i < m->buckets; i++)
		for (struct spli_known *k = m->bucket[i].by_key, *next; k;
			k = next) {
			next = k->next_by_key;
			link_key(&more, k);
			link_slot(&more, k);
		}
	free(m->bucket);
	*m = more;
}

struct spli_known *
spli_memory_add(
	struct spli_memory *m, const char *key, uint64_t hash, uint64_t slot)
{
	struct spli_known *known = calloc(1, sizeof *known);

	if (!known)
		return NULL;
	if (m->count >= m->buckets)
		grow(m);
	known->hash = hash;
	known->slot = slot;
	snprintf(known->key, sizeof known->key, "%s", key);
	link_key(m, known);
	link_slot(m, known);
	m->count++;
	return known;
}

void
spli_memory_move(struct spli_memory *m, struct spli_known *known, uint64_t slot)
{
	if (known->slot == slot)
		return;
	unlink_slot(m, known);
	known->slot = slot;
	link_slot(m, known);
}

/*
 * A binary heap, places from 1, as in any textbook.
 */
static void
place(struct spli_memory *m, size_t at, struct spli_known *known)
{
	m->heap[at - 1] = known;
	known->heap = at;
}

static void
sift_up(struct spli_memory *m, size_t at)
{
	struct spli_known *known = m->heap[at - 1];

	for (; at > 1 && m->heap[at / 2 - 1]->expiry > known->expiry; at /= 2)
		place(m, at, m->heap[at / 2 - 1]);
	place(m, at, known);
}

static void
sift_down(struct spli_memory *m, size_t at)
{
	struct spli_known *known = m->heap[at - 1];

	for (;;) {
		size_t child = 2 * at;
		if (child < m->heap_count &&
			m->heap[child]->expiry < m->heap[child - 1]->expiry)
			child++;
		if (child > m->heap_count ||
			m->heap[child - 1]->expiry >= known->expiry)
			break;
		place(m, at, m->heap[child - 1]);
		at = child;
	}
	place(m, at, known);
}

void
spli_memory_forget_expiry(struct spli_memory *m, struct spli_known *known)
{
	size_t at = known->heap;

	if (!at)
		return;
	known->heap = 0;
	struct spli_known *last = m->heap[--m->heap_count];
	if (last == known)
		return;
	place(m, at, last);
	sift_up(m, at);
	sift_down(m, last->heap);
}

int
spli_memory_expire(
	struct spli_memory *m, struct spli_known *known, uint64_t expiry)
{
	if (expiry && !known->heap && m->heap_count == m->heap_room) {
		size_t room = m->heap_room ? 2 * m->heap_room : BUCKETS_MIN;
		void *more = realloc(m->heap, room * sizeof(void *));
		if (!more)
			return -ENOMEM;
		m->heap = more;
		m->heap_room = room;
	}
	spli_memory_forget_expiry(m, known);
	known->expiry = expiry;
	if (expiry) {
		place(m, ++m->heap_count, known);
		sift_up(m, known->heap);
	}
	return 0;
}

void
spli_memory_remove(struct spli_memory *m, struct spli_known *known)
{
	struct spli_known **at = key_bucket(m, known->hash);

	while (*at != known)
		at = &(*at)->next_by_key;
	*at = known->next_by_key;
	unlink_slot(m, known);
	spli_memory_forget_expiry(m, known);
	m->count--;
	known_free(known);
}
