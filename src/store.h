/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - a process's handle on a store, and what every module needs of it.
 *
 * Geometry is copied here at open, after validation; only the private copy
 * is ever used. Whatever is read from the region later is bounded by it.
 */
#ifndef SPLI_STORE_H
#define SPLI_STORE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "atomic.h"
#include "hash.h"
#include "layout.h"
#include "spl.h"

/* Reads or swaps before giving up with EAGAIN. (A fuzzer wants fewer.) */
#ifndef SPLI_TRIES
#define SPLI_TRIES 10000
#endif

struct spli_geometry {
	uint64_t slots, max_value, writers, ring, feed_len;
	uint64_t entries; /* in the table */
	uint64_t blocks; /* in all, numbered 1 .. blocks */
	uint64_t ring_blocks; /* the first of them, the writers' own */
	uint64_t stride; /* bytes from block to block */
	uint64_t table_off, writers_off, pool_off, feed_off, blocks_off;
	uint64_t size; /* of the region */
	unsigned generation_bits; /* in a word or stamp; at least 32 */
};

/* The thread that feeds descriptors; see notify.c. */
struct spli_notifier {
	pthread_t thread;
	bool running;
	uint32_t stop;
	uint32_t kicks; /* a private futex: somebody wants it to look again */
};

struct spl_store {
	struct spli_header *header;
	struct spli_entry *table;
	struct spli_writer *writers;
	uint64_t *pool;
	struct spli_feed *feed;
	uint8_t *blocks;
	struct spli_geometry geo;
	uint64_t features; /* of the header, copied like the geometry */
	bool read_only;
	bool linked; /* had a name when it was opened */
	struct spli_guard *guard; /* SPL_GUARD; else null */
	int fd;

	/* This process's writer entries; see writer.c. */
	pthread_mutex_t mutex; /* serialises locking and adopting */
	int lock_fd; /* private description, or -1 */
	uint32_t mine_count;
	uint32_t *mine; /* mine_count of them, in order of adoption */
	uint8_t *is_mine; /* by entry; also one that is being adopted */
	unsigned rescues; /* nested, see rescue() */
	uint64_t owner; /* what this process writes into them */

	/* This process's waits on the handle; see wait.c. */
	uint32_t waits; /* calls that may be waiting */
	uint32_t cancelled; /* a count, odd: they end */
	pthread_mutex_t sleep_mutex; /* sleepers */
	struct spli_sleeper *sleepers;

	/* This process's feeds on the handle; see cursor.c, notify.c. */
	pthread_mutex_t feed_mutex; /* feeds, notifier */
	struct spl_feed *feeds;
	struct spli_notifier notifier;

	struct spl_store *next, *prev; /* all stores of the process */
};

/* A key of the caller's, who keeps the text as long as this is used. */
struct spli_key {
	const char *text;
	uint64_t hash;
	unsigned len;
};

int spli_key_make(struct spli_key *key, const char *text);

/*
 * What the handler of a guarded store needs: of its own, as it may have to
 * outlive the handle. See guard.h.
 */
struct spli_guard {
	struct spli_guard *next;
	uint8_t *base;
	uint64_t size;
	bool read_only;
	uint32_t lost; /* 1: the mapping is, by a fault */
};

/* G2: whether what was read may have been zeros in the place of a store. */
static inline bool
spli_is_lost(const spl_store *s)
{
	if (!s->guard)
		return false;
	spli_fence_acquire();
	return spli_load(&s->guard->lost);
}

/* What a call gives that has come to @rc. */
static inline int
spli_outcome(const spl_store *s, int rc)
{
	return spli_is_lost(s) ? -EIO : rc;
}

/* Its bytes 8 * i .. 8 * i + 7, zeros behind the last. */
static inline uint64_t
spli_key_word(const struct spli_key *key, unsigned i)
{
	unsigned from = 8 * i, rest = key->len - from;
	uint64_t word = 0;

	if (from >= key->len)
		return 0;
	if (rest >= 8) {
		memcpy(&word, key->text + from, 8);
	} else if (from) {
		/* The last eight bytes, and out with those before. */
		memcpy(&word, key->text + key->len - 8, 8);
		word >>= 8 * (8 - rest);
	} else {
		while (rest-- > 0)
			word = word << 8 | (uint8_t)key->text[rest];
	}
	return word;
}

static inline uint64_t
spli_word(const spl_store *s, uint64_t generation, uint64_t block)
{
	unsigned bits = s->geo.generation_bits;
	return block << bits | (generation & ((UINT64_C(1) << bits) - 1));
}

static inline uint64_t
spli_word_block(const spl_store *s, uint64_t word)
{
	return word >> s->geo.generation_bits;
}

static inline uint64_t
spli_stamp(const spl_store *s, uint64_t generation, uint64_t slot)
{
	return spli_word(s, generation, slot + 1);
}

/* The word that follows @word in its slot, naming @block (0: none). */
static inline uint64_t
spli_word_next(const spl_store *s, uint64_t word, uint64_t block)
{
	return spli_word(s, word + 1, block);
}

static inline uint64_t
spli_block_off(const struct spli_geometry *g, uint64_t id)
{
	return g->blocks_off + (id - 1) * g->stride;
}

/* The block numbered @id, or null when there is none or it is not reserved. */
static inline struct spli_block *
spli_block(const spl_store *s, uint64_t id)
{
	/* Relaxed: the marks only widen, and whoever published a word naming
	 * the block had seen them wide enough; coherence does the rest. */
	if (id - 1 >= s->geo.blocks || id < spli_load(&s->header->low) ||
		id >= spli_load(&s->header->high))
		return NULL;
	return (struct spli_block *)(void *)(s->blocks +
					     (id - 1) * s->geo.stride);
}

/* R2 and R3: whether the block still is what @word names in @slot. */
static inline bool
spli_block_holds(const spl_store *s, const struct spli_block *block,
	uint64_t slot, uint64_t word)
{
	return spli_load(&block->stamp) == spli_stamp(s, word, slot);
}

static inline bool
spli_block_has_key(const struct spli_block *block, const struct spli_key *key)
{
	/* With the zero behind it, so that no longer key looks equal. */
	for (unsigned i = 0; i <= key->len / 8; i++)
		if (spli_load(&block->key[i]) != spli_key_word(key, i))
			return false;
	return true;
}

static inline bool
spli_vacuums(const spl_store *s)
{
	return spli_load(&s->header->flags) & SPLI_AUTO_VACUUM;
}

/*
 * Patience - wait for somebody's short step: spin, then sleep in growing
 * steps, for SPL_WAIT_BOUND_MS in all.
 */
struct spli_patience {
	unsigned rounds;
	uint64_t deadline_ns;
};

uint64_t spli_now_ns(void);
/* False once the time is over. */
bool spli_patience_left(struct spli_patience *p);
/* Whether spinning has not helped, so that a system call is worth it. */
static inline bool
spli_patience_tried(const struct spli_patience *p)
{
	return p->rounds > 64;
}

#endif
