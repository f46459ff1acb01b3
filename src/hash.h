/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923), and the step that mixes it.
 *
 * FNV-1a alone leaves similar keys in neighbouring entries; the mixing step
 * (a multiply and two shifts, in the manner of a MurmurHash3 finalizer) spreads them.
 */
#ifndef SPLI_HASH_H
#define SPLI_HASH_H

#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 spli_u128;

#define SPLI_HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t
spli_hash_step(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t
spli_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t hash = SPLI_HASH_START;

	for (size_t i = 0; i < len; i++)
		hash = spli_hash_step(hash, p[i]);
	return hash;
}

/* The entry, of @count, where a key of this hash is at home. */
static inline uint64_t
spli_hash_home(uint64_t hash, uint64_t count)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	hash ^= hash >> 32;
	/* The high half of a 128-bit product: a division without a divide. */
	return (uint64_t)((spli_u128)hash * count >> 64);
}

#endif
