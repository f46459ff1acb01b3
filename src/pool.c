/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

static uint64_t
word_count(const spl_store *s)
{
	return (s->geo.blocks + 63) / 64;
}

uint64_t
spli_pool_find(spl_store *s)
{
	uint32_t *hint = &s->header->hint;
	uint64_t i = spli_load(hint);

	for (; i < word_count(s); i++) {
		uint64_t free = ~spli_load(&s->pool[i]);
		if (!free)
			continue;
		spli_store(hint, (uint32_t)i);
		uint64_t id = i * 64 + (uint64_t)__builtin_ctzll(free) + 1;
		return id <= s->geo.blocks ? id : 0;
	}
	spli_store(hint, (uint32_t)i);
	return 0;
}

void
spli_pool_take(spl_store *s, uint64_t block)
{
	uint64_t *word = &s->pool[(block - 1) / 64];

	spli_store_release(
		word, spli_load(word) | UINT64_C(1) << (block - 1) % 64);
}

void
spli_pool_give(spl_store *s, uint64_t block)
{
	uint32_t *hint = &s->header->hint;
	uint64_t i = (block - 1) / 64;

	if (block - 1 >= s->geo.blocks)
		return;
	/* The hint first: dying in between must not hide the block. */
	if (spli_load(hint) > i)
		spli_store_release(hint, (uint32_t)i);
	spli_store_release(&s->pool[i],
		spli_load(&s->pool[i]) & ~(UINT64_C(1) << (block - 1) % 64));
}

bool
spli_pool_has(const spl_store *s, uint64_t block)
{
	return !(spli_load(&s->pool[(block - 1) / 64]) >> (block - 1) % 64 & 1);
}

uint64_t
spli_pool_used(const spl_store *s)
{
	uint64_t used = 0;

	for (uint64_t i = 0; i < word_count(s); i++)
		used += (unsigned)__builtin_popcountll(spli_load(&s->pool[i]));
	return used;
}
