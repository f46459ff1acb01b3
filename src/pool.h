/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - the blocks that nobody uses: one bit each, set while in use.
 *
 * Only who holds the structure claim changes it. The lowest free block is
 * given out first, so that the reserved part of the region stays small.
 */
#ifndef SPLI_POOL_H
#define SPLI_POOL_H

#include "store.h"

/* The lowest free block, or 0. It is not taken yet. */
uint64_t spli_pool_find(spl_store *s);
void spli_pool_take(spl_store *s, uint64_t block);
/* Harmless when it is free already. */
void spli_pool_give(spl_store *s, uint64_t block);
bool spli_pool_has(const spl_store *s, uint64_t block);
/* Blocks in use, the writers' spare ones included. */
uint64_t spli_pool_used(const spl_store *s);

#endif
