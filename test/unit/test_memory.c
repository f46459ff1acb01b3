/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - what a feed remembers, against an array that is searched.
 */
#include <errno.h>
#include <string.h>

#include "hook.h"
#include "memory.h"
#include "unit.h"

enum { KEYS = 600, SLOTS = 64 };

struct plain {
	struct spli_known *known;
	uint64_t slot, expiry;
};

static struct plain plain[KEYS];

static uint64_t
name_of(unsigned n, char *key)
{
	return spli_hash(key, unit_text(key, SPLI_KEY_SIZE, "key %u", n));
}

static unsigned
not_found(const struct spli_memory *m, unsigned n)
{
	char key[SPLI_KEY_SIZE];
	uint64_t hash = name_of(n, key);
	struct spli_known *known = spli_memory_find(m, key, hash);

	if (known != plain[n].known)
		return 1;
	return known &&
	       (known->slot != plain[n].slot || strcmp(known->key, key) != 0 ||
		       known->expiry != plain[n].expiry);
}

/* Who is in a slot, with and without one key. */
static unsigned
wrong_in_slot(const struct spli_memory *m, uint64_t slot, unsigned not_this)
{
	char key[SPLI_KEY_SIZE];
	unsigned there = 0, others = 0;

	name_of(not_this, key);
	for (unsigned n = 0; n < KEYS; n++) {
		bool is = plain[n].known && plain[n].slot == slot;
		there += is;
		others += is && n != not_this;
	}
	struct spli_known *any = spli_memory_in_slot(m, slot, NULL);
	struct spli_known *other = spli_memory_in_slot(m, slot, key);
	return !!any != !!there || !!other != !!others ||
	       (any && any->slot != slot) ||
	       (other && (other->slot != slot || !strcmp(other->key, key)));
}

static unsigned
wrong_first(const struct spli_memory *m)
{
	struct spli_known *first = spli_memory_first(m);
	uint64_t least = 0;

	for (unsigned n = 0; n < KEYS; n++) {
		uint64_t expiry = plain[n].known ? plain[n].expiry : 0;
		if (expiry && (!least || expiry < least))
			least = expiry;
	}
	return first ? first->expiry != least : least != 0;
}

/* No one is due before the one above him. */
static unsigned
wrong_heap(const struct spli_memory *m)
{
	unsigned wrong = 0;

	for (size_t at = 1; at <= m->heap_count; at++) {
		const struct spli_known *known = m->heap[at - 1];
		wrong +=
			known->heap != at ||
			(at > 1 && m->heap[at / 2 - 1]->expiry > known->expiry);
	}
	return wrong;
}

static void
step(struct spli_memory *m, uint64_t r)
{
	unsigned n = (unsigned)(r >> 8) % KEYS;
	struct plain *p = &plain[n];
	char key[SPLI_KEY_SIZE];
	uint64_t hash = name_of(n, key);

	if (!p->known) {
		p->slot = (r >> 32) % SLOTS;
		p->expiry = 0;
		p->known = spli_memory_add(m, key, hash, p->slot);
		return;
	}
	switch (r % 6) {
	case 0:
		spli_memory_remove(m, p->known);
		p->known = NULL;
		break;
	case 1:
	case 2:
		p->slot = (r >> 32) % SLOTS;
		spli_memory_move(m, p->known, p->slot);
		break;
	case 3:
		spli_memory_expire(m, p->known, 0);
		p->expiry = 0;
		break;
	default:
		p->expiry = 1 + (r >> 32) % 50;
		spli_memory_expire(m, p->known, p->expiry);
	}
}

static void
against_an_array(void)
{
	struct spli_memory m;
	uint64_t random = tap_seed();
	unsigned wrong = 0, count = 0;

	memset(plain, 0, sizeof plain);
	CHECK_RC(spli_memory_start(&m), 0);
	for (unsigned i = 0; i < tap_scale(20000, 3000); i++) {
		step(&m, tap_random(&random));
		wrong += not_found(&m, (unsigned)tap_random(&random) % KEYS);
		wrong += wrong_in_slot(&m, tap_random(&random) % SLOTS,
			(unsigned)tap_random(&random) % KEYS);
		wrong += wrong_first(&m) + wrong_heap(&m);
		wrong += m.buckets < m.count;
	}
	for (unsigned n = 0; n < KEYS; n++) {
		wrong += not_found(&m, n);
		count += plain[n].known != NULL;
	}
	CHECK(!wrong && m.count == count, "%u keys, at random", count);
	spli_memory_free(&m);
	CHECK(!m.count && !m.bucket, "freed");
}

/* The earliest first, and of equal ones each. */
static void
in_order_of_expiry(void)
{
	struct spli_memory m;
	uint64_t random = tap_seed(), last = 0;
	unsigned wrong = 0, count = 0;
	char key[SPLI_KEY_SIZE];

	spli_memory_start(&m);
	for (unsigned n = 0; n < KEYS; n++) {
		uint64_t hash = name_of(n, key);
		struct spli_known *known = spli_memory_add(&m, key, hash, n);
		spli_memory_expire(&m, known, 1 + tap_random(&random) % 100);
	}
	for (struct spli_known *first; (first = spli_memory_first(&m));
		count++) {
		wrong += first->expiry < last;
		last = first->expiry;
		if (count % 2)
			spli_memory_remove(&m, first);
		else
			spli_memory_forget_expiry(&m, first);
		wrong += wrong_heap(&m);
	}
	CHECK(!wrong && count == KEYS && m.count == KEYS / 2,
		"the earliest first");
	spli_memory_free(&m);
}

/* All at once, and then from the beginning. */
static void
forgotten(void)
{
	struct spli_memory m;
	unsigned wrong = 0;
	char key[SPLI_KEY_SIZE];

	hook_set(HOOK_calloc, (struct hook){.error = ENOMEM});
	CHECK_RC(spli_memory_start(&m), -ENOMEM);
	hook_end(HOOK_calloc);
	spli_memory_free(&m);
	CHECK_RC(spli_memory_start(&m), 0);
	for (int round = 0; round < 2; round++) {
		for (unsigned n = 0; n < KEYS; n++) {
			uint64_t hash = name_of(n, key);
			struct spli_known *known =
				spli_memory_add(&m, key, hash, n % SLOTS);
			wrong += spli_memory_expire(&m, known, 1 + n) != 0;
		}
		wrong += m.count != KEYS;
		spli_memory_forget(&m);
		wrong += m.count || spli_memory_first(&m);
		for (unsigned n = 0; n < KEYS; n++) {
			uint64_t hash = name_of(n, key);
			wrong += spli_memory_find(&m, key, hash) != NULL;
			wrong += spli_memory_in_slot(&m, n, NULL) != NULL;
		}
	}
	CHECK(!wrong, "nothing is remembered of what was forgotten");
	spli_memory_add(&m, "one", 5, 0);
	CHECK(!spli_memory_find(&m, "another", 5), "of equal hashes, the key");
	spli_memory_free(&m);
}

/* Without memory for one more time nothing has changed. */
static void
no_room_for_times(void)
{
	struct spli_memory m;
	struct spli_known *known;
	char key[SPLI_KEY_SIZE];
	uint64_t hash;

	spli_memory_start(&m);
	do {
		hash = name_of((unsigned)m.count, key);
		known = spli_memory_add(&m, key, hash, 0);
		if (m.heap_count == m.heap_room)
			hook_set(HOOK_realloc,
				(struct hook){
					.error = m.heap_room ? ENOMEM : 0});
	} while (!spli_memory_expire(&m, known, 1 + m.count) && m.count < KEYS);
	CHECK(hook_end(HOOK_realloc) == 1 && known->expiry == 0 &&
			m.heap_count == m.count - 1 && !wrong_heap(&m),
		"no memory for the time of key %zu", m.count);
	spli_memory_free(&m);
}

void
test_memory(void)
{
	no_room_for_times();
	against_an_array();
	in_order_of_expiry();
	forgotten();
}
