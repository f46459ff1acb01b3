/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - what the unit tests share: fresh stores, children, waiting.
 *
 * Every file is compiled twice, TEST_KIND says where stores live by default.
 * A test takes stores from here and drops them; what a failing one leaves is
 * taken away at exit.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spl.h"
#include "store.h"
#include "tap.h"

/* One function void test_NAME(void) each, in this order. */
#define UNIT_TESTS(T)                                                          \
	T(hash)                                                                \
	T(map)                                                                 \
	T(map_names)                                                           \
	T(map_owner)                                                           \
	T(map_room)                                                            \
	T(map_race)                                                            \
	T(map_room_steps)                                                      \
	T(map_users)                                                           \
	T(table)                                                               \
	T(pool)                                                                \
	T(swap)                                                                \
	T(swap_computed)                                                       \
	T(swap_rivals)                                                         \
	T(writer)                                                              \
	T(writers)                                                             \
	T(writer_fork)                                                         \
	T(fork_points)                                                         \
	T(repair)                                                              \
	T(repair_record)                                                       \
	T(repair_rivals)                                                       \
	T(vacuum)                                                              \
	T(wait)                                                                \
	T(wait_wake)                                                           \
	T(poll)                                                                \
	T(cancel)                                                              \
	T(feed)                                                                \
	T(ttl)                                                                 \
	T(ttl_reclaim)                                                         \
	T(memory)                                                              \
	T(cursor)                                                              \
	T(follow)                                                              \
	T(follow_values)                                                       \
	T(follow_lag)                                                          \
	T(follow_past)                                                         \
	T(follow_model)                                                        \
	T(follow_damage)                                                       \
	T(follow_edges)                                                        \
	T(notify)                                                              \
	T(notify_thread)                                                       \
	T(list)                                                                \
	T(store)                                                               \
	T(store_errors)                                                        \
	T(store_fd)                                                            \
	T(store_hand_out)                                                      \
	T(store_view)                                                          \
	T(guard)                                                               \
	T(damage)                                                              \
	T(garbage)                                                             \
	T(refused)                                                             \
	T(edges)                                                               \
	T(flat)                                                                \
	T(flat_errors)

#define UNIT_DECLARE(name) void test_##name(void);
UNIT_TESTS(UNIT_DECLARE)

/* Compare a result with a value that is named in the source: -ENOENT. */
#define CHECK_RC(call, want)                                                   \
	unit_check_rc((call), (want), __FILE__, __LINE__, #call " is " #want)
int unit_check_rc(int64_t got, int64_t want, const char *file, int line,
	const char *what);
/* "ENOENT" for -ENOENT or ENOENT. */
const char *unit_errno(int64_t rc);
/* snprintf, but for an end of the program where the text does not fit. */
__attribute__((format(printf, 3, 4))) size_t unit_text(
	char *buf, size_t size, const char *format, ...);
/* A test that cannot be made here, and why. */
void unit_skip(const char *what, const char *why);

void unit_start(void);
/* How many descriptors are open. */
unsigned unit_descriptors(void);
/* Names that still exist although their tests are over. */
unsigned unit_leftovers(void);

/* A name of TEST_KIND under which there is nothing; and the file behind it. */
const char *unit_name(void);
const char *unit_path(const char *name);
/* A directory of our own, for both kinds. */
const char *unit_dir(void);

/* TEST_KIND and SPL_MEMFD: a test of both takes one as its argument. */
extern const uint32_t unit_kinds[2];

/* A fresh store, or the end of the program. */
spl_store *unit_store(uint32_t kind, uint64_t slots, uint64_t max_value);
spl_store *unit_store_with(const struct spl_options *options);
/* Another handle on the same store; to be closed before the first. */
spl_store *unit_again(spl_store *store, uint32_t flags);
const char *unit_name_of(const spl_store *store);
/* Close it and remove its name. */
void unit_drop(spl_store *store);
/* Options for a fresh store of these sizes. */
struct spl_options unit_options(
	uint32_t kind, uint64_t slots, uint64_t max_value);

/* Text as a value, and whether a key has it; absent is null. */
int unit_set(spl_store *store, const char *key, const char *text);
bool unit_is(spl_store *store, const char *key, const char *text);
uint64_t unit_epoch(spl_store *store, const char *key);
uint64_t unit_keys(spl_store *store);

/* How often bytes occur in the whole region, read through its descriptor. */
unsigned unit_search(const spl_store *store, const void *bytes, size_t len);
/* Blocks that are not in exactly one of: a slot, a ring, the pool. */
unsigned unit_misplaced(const spl_store *store);

/* Homes whose reach is not the farthest distance of a key at home there. */
unsigned unit_wrong_reaches(const spl_store *store);

/*
 * Children. They count what fails with EXPECT, and end by a kill, so that
 * they neither run the parent's exit handlers nor clean up a store.
 */
typedef void unit_body(void *arg);
struct unit_child {
	pid_t pid;
	struct unit_report *report;
};
struct unit_child unit_fork(unit_body *body, void *arg);
/* Wait for its end: what failed there, or -1 if it did not come to the end. */
int unit_join(struct unit_child *child);
/* Kill it now, and wait. */
void unit_kill(struct unit_child *child);
/* In a child: be killed here and now, in the middle of whatever it does. */
void unit_die(void);
/* Start and join. */
int unit_run(unit_body *body, void *arg);

#define EXPECT(ok) unit_expect((ok), __FILE__, __LINE__, #ok)
int unit_expect(int ok, const char *file, int line, const char *what);

/* Become nobody in a child. False if that is not possible. */
bool unit_become_nobody(void);
/* A mount namespace of a child's own. False if that is not possible. */
bool unit_private_mounts(void);

/* Numbers that parent and children share, zero after unit_board_clear(). */
enum { UNIT_BOARD = 64 };
extern int *unit_board;
void unit_board_clear(void);
void unit_post(int at, int value);
int unit_posted(int at);
/* Until somebody posts @value, or more. */
void unit_await(int at, int value);
/* Give others the processor for a moment while looping for something. */
void unit_moment(void);

uint64_t unit_now_ms(void);

#endif
