/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h - meet a call of the library's on its way to the C library, or from
 * one of its modules to another: make it fail, or do something just before or
 * just after, as a rival would.
 *
 * The unit tests are linked with --wrap for these (see the Makefile). Hooks
 * are the thread's own, and met by nothing that they do themselves.
 */
#ifndef UNIT_HOOK_H
#define UNIT_HOOK_H

/* Those that return an error, with the errno given, and those that cannot. */
#define HOOKS(T)                                                               \
	T(malloc)                                                              \
	T(calloc)                                                              \
	T(realloc)                                                             \
	T(strdup)                                                              \
	T(regcomp)                                                             \
	T(open)                                                                \
	T(fstat)                                                               \
	T(pread)                                                               \
	T(mmap)                                                                \
	T(fcntl)                                                               \
	T(fallocate)                                                           \
	T(getrandom)                                                           \
	T(fchmod)                                                              \
	T(lstat)                                                               \
	T(eventfd)                                                             \
	T(pthread_create)                                                      \
	T(clock_gettime)                                                       \
	T(nanosleep)                                                           \
	T(spl_unset)                                                           \
	T(spli_table_find)                                                     \
	T(spli_table_look)                                                     \
	T(spli_slot_read)                                                      \
	T(spli_claim_take)                                                     \
	T(spli_claim_drop)                                                     \
	T(spli_lease_take)                                                     \
	T(spli_lease_drop)                                                     \
	T(spli_record_begin)                                                   \
	T(spli_table_claim)                                                    \
	T(spli_reserve_up)

#define HOOK_NAME(name) HOOK_##name,
enum hook_at { HOOKS(HOOK_NAME) HOOK_COUNT };

struct hook {
	unsigned skip; /* calls to let pass; the next is met */
	unsigned times; /* so many are, one after the other; 0 is one */
	int error; /* the errno it fails with; 0: it does not */
	void (*before)(void *arg);
	void (*after)(void *arg);
	void *arg;
};

void hook_set(enum hook_at at, struct hook hook);
/* Done with it: how many calls it has met. */
unsigned hook_end(enum hook_at at);
/* How many calls there have been so far, of all threads, met or not. */
unsigned hook_calls(enum hook_at at);

#endif
