/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - the region, byte by byte. The same in memory and in files.
 *
 *   header    one page
 *   table     2 x slots entries of 32 bytes
 *   writers   one entry of 256 bytes a writer
 *   pool      one bit a block: set while somebody uses it
 *   feed      the tail (the store's epoch) and a ring of 2^k cells
 *   blocks    slots + writers x ring blocks: 64 bytes of head, 64 of key,
 *             max_value bytes, rounded up to 64
 *
 * Every section starts on a page. Fresh memory is zero, and zero means: no
 * block, no owner, nothing in flight, a free block, an empty cell.
 *
 * Blocks are counted from 1; 0 is "no block". Writer entries are named
 * from 1 in shared memory as well; 0 is "nobody". A slot is the index of a
 * table entry.
 *
 *   word   {block, generation}: the generation has the low bits, at least 32
 *   stamp  {slot + 1, generation} in the same number of bits; 0 fits no word
 *   cell   {sequence + 1, what happened, slot}: the slot has the low bits
 *
 * A change of anything here that an older reader would misread raises
 * SPLI_LAYOUT_MAJOR; one that it may ignore raises SPLI_LAYOUT_MINOR.
 */
#ifndef SPLI_LAYOUT_H
#define SPLI_LAYOUT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Splinter needs a little-endian machine"
#endif
static_assert(sizeof(void *) == 8, "Splinter needs a 64-bit machine");

enum {
	SPLI_MAGIC = 0x4e4c5053, /* "SPLN" */
	SPLI_LAYOUT_MAJOR = 2,
	SPLI_LAYOUT_MINOR = 0,
	SPLI_BYTE_ORDER = 0x01020304,
	SPLI_PAGE = 4096,
	SPLI_LINE = 64,
	SPLI_KEY_SIZE = 64,
	SPLI_RING = 3, /* spare blocks a new store gives each writer */
	SPLI_RING_MAX = 32,
	SPLI_WRITERS_MAX = 1024,
	SPLI_SLOTS_MAX = 1 << 30,
	SPLI_FEED_MIN = 1 << 10,
	SPLI_FEED_MAX = 1 << 16
};

/* Bits of spli_header.flags. */
enum { SPLI_AUTO_VACUUM = 1 };

/* Bits of spli_header.features. Who does not know one cannot open the store. */
enum {
	SPLI_WAKE_ALWAYS = 1, /* writers wake also who cannot say he waits */
	SPLI_WALL_CLOCK = 2, /* expiry is CLOCK_REALTIME's, else BOOTTIME's */
	SPLI_FEATURES = SPLI_WAKE_ALWAYS | SPLI_WALL_CLOCK
};

/*
 * The header. Up to checksum it never changes after creation; a process
 * copies it once, validates it, and does not look again.
 *
 *  field              written by             after a crash
 *  flags              spl_set_auto_vacuum    either value; scrub again
 *  scrubs_begun/done  the same           differ: old bytes may be left
 *  low, high          who reserves blocks    never beyond what is reserved
 *  claim              insert, unset, scrub   names who has to be repaired
 *  hint               under the claim        never above the lowest free block
 *  floor              unset, before its swap at least any removed epoch
 *  structure          insert, unset          counted again by the repair
 *  structure_waiters  as waiters below       a waiter looks every second
 *  clock_floor        who meets an expired value: no time before this one
 *  soonest            sets with a time to live   its repair notes it again
 *  counters           rarely, by writers     lost counts at worst
 */
struct spli_header {
	uint32_t magic;
	uint32_t version; /* major << 16 | minor */
	uint32_t byte_order;
	uint32_t header_len;
	uint8_t id[16];
	uint64_t slots;
	uint64_t max_value;
	uint64_t writers;
	uint64_t ring;
	uint64_t feed_len;
	uint64_t features; /* SPLI_WAKE_ALWAYS | ... */
	uint64_t table_off;
	uint64_t writers_off;
	uint64_t pool_off;
	uint64_t feed_off;
	uint64_t blocks_off;
	uint64_t size;
	uint64_t created_ns;
	uint64_t checksum; /* FNV-1a of all before */
	uint8_t pad0[112];

	/* Read by every call, written almost never. */
	uint64_t flags;
	uint64_t low; /* blocks low .. high - 1 are reserved */
	uint64_t high;
	uint64_t scrubs_begun; /* by switching auto-vacuum on */
	uint64_t scrubs_done; /* the latest that was finished */
	uint64_t clock_floor; /* wall clock stores: no earlier than this */
	uint8_t pad1[16];

	/* Written by inserts and unsets. */
	uint32_t claim; /* writer entry that changes the structure, or 0 */
	uint32_t hint; /* word of the pool's bitmap to search from */
	uint64_t floor; /* epoch that a new key starts from */
	uint64_t structure;
	uint32_t structure_waiters;
	uint32_t pad2;
	uint8_t pad3[32];

	uint64_t parse_failures;
	uint64_t last_failure_epoch;
	uint64_t repairs;
	uint64_t soonest; /* nothing expires before; see ttl.c */
	uint8_t pad4[32];

	/* Room for files: durable sequence, boot id, clean mark. */
	uint64_t durable_seq;
	uint8_t boot_id[16];
	uint64_t clean;
	uint8_t pad5[32];
};
static_assert(offsetof(struct spli_header, id) == 16, "layout");
static_assert(offsetof(struct spli_header, slots) == 32, "layout");
static_assert(offsetof(struct spli_header, features) == 72, "layout");
static_assert(offsetof(struct spli_header, table_off) == 80, "layout");
static_assert(offsetof(struct spli_header, size) == 120, "layout");
static_assert(offsetof(struct spli_header, checksum) == 136, "layout");
static_assert(offsetof(struct spli_header, flags) == 256, "layout");
static_assert(offsetof(struct spli_header, low) == 264, "layout");
static_assert(offsetof(struct spli_header, clock_floor) == 296, "layout");
static_assert(offsetof(struct spli_header, high) == 272, "layout");
static_assert(offsetof(struct spli_header, claim) == 320, "layout");
static_assert(offsetof(struct spli_header, floor) == 328, "layout");
static_assert(offsetof(struct spli_header, structure) == 336, "layout");
static_assert(offsetof(struct spli_header, parse_failures) == 384, "layout");
static_assert(offsetof(struct spli_header, soonest) == 408, "layout");
static_assert(offsetof(struct spli_header, durable_seq) == 448, "layout");
static_assert(sizeof(struct spli_header) == 512, "layout");
static_assert(sizeof(struct spli_header) <= SPLI_PAGE, "layout");

/*
 * A table entry, two for each slot that can be filled.
 *
 *  field    written by                     after a crash
 *  hash     insert, before its swap        names no key while word has none
 *  word     every set and unset, by swap   old or new, never between
 *  kept     (files: the durable block)
 *  waiters  waiters (odd), wakers (+ 1)     a waiter looks every second
 *  reach    insert, before hash; unset     never too short, maybe too long
 */
struct spli_entry {
	uint64_t hash;
	uint64_t word;
	uint64_t kept;
	uint32_t waiters;
	uint32_t reach; /* of the keys at home here: farthest distance + 1 */
};
static_assert(offsetof(struct spli_entry, hash) == 0, "layout");
static_assert(offsetof(struct spli_entry, word) == 8, "layout");
static_assert(offsetof(struct spli_entry, kept) == 16, "layout");
static_assert(offsetof(struct spli_entry, waiters) == 24, "layout");
static_assert(offsetof(struct spli_entry, reach) == 28, "layout");
static_assert(sizeof(struct spli_entry) == 32, "layout");

/* What an event of the feed says of its slot. */
enum spli_happened {
	SPLI_SET_THERE = 0, /* a value was put in */
	SPLI_UNSET_THERE = 1, /* its key was removed */
	SPLI_EXPIRED_THERE = 2, /* the same, its time being over */
	SPLI_HAPPENED_BITS = 2
};

/* What a writer has in flight; spli_record.op is {sequence, kind}. */
enum spli_kind {
	SPLI_IDLE = 0,
	SPLI_UPDATE = 1,
	SPLI_INSERT = 2, /* under the claim */
	SPLI_UNSET = 3, /* under the claim */
	/* Published and accounted, not yet announced; plus spli_happened. */
	SPLI_ANNOUNCE = 4,
	SPLI_KIND_BITS = 8
};

/* op is stored last and validates the rest; it is cleared first. */
struct spli_record {
	uint64_t op;
	uint64_t slot;
	uint64_t old; /* the word that the swap expects */
	uint32_t block; /* the block it offers; 0 in an unset */
	uint32_t extra; /* insert: the pool's block for the ring; unset:
			 * spli_happened */
};

/*
 * A writer entry. Everything but lease is written only by who holds the
 * lease; owner only by who holds the kernel's lock on the entry's first byte.
 */
struct spli_writer {
	uint32_t lease; /* entry that uses this one now, or 0 */
	uint32_t ready; /* 1: the ring is filled */
	uint64_t owner; /* {nonce, pid}, or 0; for people, and for repair */
	uint32_t pos; /* the ring's next spare */
	uint32_t pad0;
	uint64_t since; /* store's time at adoption; for people */
	uint8_t pad1[32];
	struct spli_record record;
	uint8_t pad2[32];
	uint32_t spare[SPLI_RING_MAX];
};
static_assert(offsetof(struct spli_writer, owner) == 8, "layout");
static_assert(offsetof(struct spli_writer, pos) == 16, "layout");
static_assert(offsetof(struct spli_writer, since) == 24, "layout");
static_assert(offsetof(struct spli_writer, record) == 64, "layout");
static_assert(offsetof(struct spli_writer, spare) == 128, "layout");
static_assert(sizeof(struct spli_writer) == 256, "layout");

/* The tail is the sequence of the next event: how many changes were made. */
struct spli_feed {
	uint64_t tail;
	uint32_t waiters; /* for any change; as an entry's */
	uint8_t pad[52];
	uint64_t cells[];
};
static_assert(offsetof(struct spli_feed, waiters) == 8, "layout");
static_assert(offsetof(struct spli_feed, cells) == 64, "layout");

/*
 * A block. Bytes of the value beyond len are zero at all times, so what is
 * stale is exactly key and len bytes of a block that no word names.
 */
struct spli_block {
	uint64_t stamp;
	uint64_t epoch;
	uint32_t owner; /* the entry that displaced it, or has it as a spare */
	uint32_t len;
	uint32_t flags; /* room: encoding */
	uint32_t crc; /* room: files */
	uint64_t expiry; /* absent from this time on, in ns; 0: never */
	uint64_t born; /* the key's epoch when it was absent last, plus 2 */
	uint64_t pad[2];
	uint64_t key[SPLI_KEY_SIZE / 8]; /* zero-padded */
	uint8_t bytes[];
};
static_assert(offsetof(struct spli_block, epoch) == 8, "layout");
static_assert(offsetof(struct spli_block, owner) == 16, "layout");
static_assert(offsetof(struct spli_block, len) == 20, "layout");
static_assert(offsetof(struct spli_block, crc) == 28, "layout");
static_assert(offsetof(struct spli_block, expiry) == 32, "layout");
static_assert(offsetof(struct spli_block, born) == 40, "layout");
static_assert(offsetof(struct spli_block, key) == 64, "layout");
static_assert(offsetof(struct spli_block, bytes) == 128, "layout");

#endif
