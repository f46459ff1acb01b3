/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - the bitmap of blocks that nobody uses.
 */
#include <string.h>

#include "pool.h"
#include "unit.h"

static void
lowest_first(spl_store *s)
{
	uint64_t first = s->geo.ring_blocks + 1, wrong = 0;

	CHECK(spli_pool_used(s) == s->geo.ring_blocks,
		"in a new store the rings' blocks are in use, no others");
	CHECK(spli_pool_find(s) == first, "the first free block follows them");
	CHECK(spli_pool_find(s) == first, "finding does not take it");
	for (uint64_t id = first; id <= s->geo.blocks; id++) {
		wrong += spli_pool_find(s) != id || !spli_pool_has(s, id);
		spli_pool_take(s, id);
		wrong += spli_pool_has(s, id);
	}
	CHECK(!wrong, "the lowest free block comes first");
	CHECK(spli_pool_find(s) == 0, "an empty pool has none");
	CHECK(spli_pool_find(s) == 0, "and none again");
	CHECK(spli_pool_used(s) == s->geo.blocks, "all are counted as used");
}

static void
given_back(spl_store *s)
{
	uint64_t last = s->geo.blocks, middle = last / 2;

	spli_pool_give(s, last);
	CHECK(spli_pool_find(s) == last,
		"a block that was given back is found");
	spli_pool_give(s, middle);
	CHECK(spli_pool_find(s) == middle, "a lower one goes before it");
	spli_pool_give(s, middle);
	CHECK(spli_pool_used(s) == s->geo.blocks - 2,
		"giving it twice changes nothing");
	spli_pool_take(s, middle);
	CHECK(spli_pool_find(s) == last, "then the higher one");
	spli_pool_take(s, last);
	CHECK(!spli_pool_find(s) && spli_pool_used(s) == s->geo.blocks,
		"then none");
	spli_pool_give(s, 0);
	spli_pool_give(s, s->geo.blocks + 1);
	spli_pool_give(s, UINT64_MAX);
	CHECK(spli_pool_used(s) == s->geo.blocks,
		"numbers that are no block's are ignored");
}

/* Against a plain array, in random order. */
static void
like_a_set(spl_store *s)
{
	uint64_t seed = tap_seed();
	bool *used = calloc(s->geo.blocks + 1, sizeof *used);
	unsigned wrong = 0;

	for (uint64_t id = 1; id <= s->geo.blocks; id++)
		used[id] = !spli_pool_has(s, id);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t id = 1 + tap_random(&seed) % s->geo.blocks;
		if (tap_random(&seed) % 2) {
			spli_pool_give(s, id);
			used[id] = false;
		} else if ((id = spli_pool_find(s))) {
			spli_pool_take(s, id);
			used[id] = true;
		}
		uint64_t want = 1, count = 0;
		while (want <= s->geo.blocks && used[want])
			want++;
		for (uint64_t n = 1; n <= s->geo.blocks; n++)
			count += used[n];
		wrong += spli_pool_find(s) !=
				 (want > s->geo.blocks ? 0 : want) ||
			 spli_pool_used(s) != count;
	}
	free(used);
	CHECK(!wrong, "it behaves like a set that gives its least member");
}

void
test_pool(void)
{
	/* 4 + 192 blocks: not a multiple of 64; 64 x 3 + 64: one. */
	static const uint64_t sizes[] = {4, 64};

	for (size_t i = 0; i < 2; i++) {
		spl_store *s = unit_store(TEST_KIND, sizes[i], 8);
		lowest_first(s);
		given_back(s);
		like_a_set(s);
		unit_drop(s);
	}
}
