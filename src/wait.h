/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h - waiting for what others write, and waking who waits.
 *
 * Flags are event counts (as in "eventcounts", Reed and Kanodia, 1979): odd
 * while somebody waits, one more with each wake. There is one for each slot,
 * one beside the structure counter for keys that are absent, and one beside
 * the feed's tail for any change.
 *
 *  E1  a waiter makes the flags odd, full fence, looks at the words again, and
 *      sleeps on the flags while they are unchanged: who goes to sleep late
 *      compares in the kernel
 *  E2  a writer publishes, full fence, and counts up and wakes what is odd
 *
 * The fences pair: one of the two sees the other. A wake costs a system call
 * only when somebody waits. Sleeping on the slot's word, or on a mere flag,
 * loses wake-ups: one that is late clears what was set for the next change
 * (test/model/wait.pml, which has the rest of this as well).
 *
 * Read-only handles cannot make a flag odd. They look every 2 ms, or, in a
 * store that wakes always (there E2 counts up in any case), load the flag
 * before they look (acquire: pairs with E2's addition, the kernel's).
 */
#ifndef SPLI_WAIT_H
#define SPLI_WAIT_H

#include "store.h"

/* Under the claim, after the swap of an insert or unset. */
void spli_structure_changed(spl_store *s);

/* E2, for who waits for the key in @slot: at once when its word was swapped. */
void spli_wake_key(spl_store *s, uint64_t slot);
/* E2, when it is in the feed: any change's, and, @structural, new keys'. */
void spli_wake_others(spl_store *s, bool structural);

/* What would end a wait: *word is no longer what it was. */
struct spli_watch {
	const uint64_t *word;
	uint64_t seen;
	uint32_t *flag;
};

/* One call that may wait. */
struct spli_wait {
	spl_store *s;
	uint64_t timeout_ms;
	uint64_t until_ns; /* CLOCK_MONOTONIC; 0 until it is needed */
	uint64_t check_ns; /* when the next second of it begins */
	bool second; /* it just did: look at what nobody may have counted */
	bool linked; /* the store had its name when this began */
	uint32_t cancelled; /* the count then, made even */
};

void spli_wait_begin(struct spli_wait *wait, spl_store *s, uint64_t timeout_ms);
void spli_wait_end(struct spli_wait *wait);

/*
 * spli_wait_on - sleep until one of @count words changes, or @expiry of the
 * store's time (0: never) has come.
 * @common: the flag to wait on, of spli_common_flag() or one that every such
 *          change wakes
 *
 * 0, look again (perhaps for nothing, at least every second); -ETIMEDOUT;
 * -ECANCELED; -EIDRM.
 */
int spli_wait_on(struct spli_wait *wait, const struct spli_watch *watches,
	size_t count, uint32_t *common, uint64_t expiry);

/* One flag for all: the only one, or any change's; null: each its own. */
uint32_t *spli_common_flag(
	const spl_store *s, const struct spli_watch *watches, size_t count);

/* End all waits of the handle; and be sure that no call is in one. */
void spli_waits_cancel(spl_store *s);
void spli_waits_finish(spl_store *s);
/* In a child: nobody else waits here. */
void spli_waits_forked(spl_store *s);

/* What of this process keeps a thread from sleeping: *word not being @seen. */
struct spli_stop {
	const uint32_t *word;
	uint32_t seen;
};

/* E1, once, until CLOCK_MONOTONIC @until_ns at most. */
void spli_sleep(spl_store *s, const struct spli_watch *watches, size_t count,
	uint32_t *common, const struct spli_stop *stop, uint64_t until_ns);
/* The latest time to look again, whatever there is to wait for. */
uint64_t spli_look_again_ns(const spl_store *s, uint64_t now_ns);
/* When @expiry of the store's time is, by CLOCK_MONOTONIC, as clocks go now. */
uint64_t spli_expiry_ns(const spl_store *s, uint64_t expiry, uint64_t now_ns);
/* Count up and wake a flag that is odd, as if something had changed. */
void spli_flag_wake(spl_store *s, uint32_t *flag);

#endif
