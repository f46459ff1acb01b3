/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.c - waiters in threads and processes, and who wakes them. That no
 * wake is lost is for test/model/wait.pml to show: here each waiter looks
 * again after a second.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "unit.h"

enum { WAITERS = 12 };

struct waiter {
	spl_store *s;
	const char *key;
	uint64_t since, now;
	int rc;
	pthread_t thread;
};

static void *
wait_for_ever(void *arg)
{
	struct waiter *w = arg;

	w->rc = spl_wait(w->s, w->key, w->since, UINT64_MAX, &w->now);
	return NULL;
}

static void
start(struct waiter *w, int count)
{
	for (int i = 0; i < count; i++)
		if (pthread_create(&w[i].thread, NULL, wait_for_ever, &w[i]))
			abort();
}

/* How many of them did not see @epoch. */
static int
join(struct waiter *w, int count, uint64_t epoch)
{
	int wrong = 0;

	for (int i = 0; i < count; i++) {
		pthread_join(w[i].thread, NULL);
		wrong += w[i].rc != 0 || w[i].now != epoch;
	}
	return wrong;
}

/* Until a waiter has announced himself on the key, or, null, on any. */
static void
until_waiting(spl_store *s, const char *key)
{
	struct spl_peek peek;
	const uint32_t *flag = &s->header->structure_waiters;

	if (key && !spl_peek_begin(s, key, &peek))
		flag = &s->table[peek.slot].waiters;
	while (!(spli_load(flag) & 1))
		unit_moment();
}

static void
all_waiters_are_woken(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	struct waiter w[WAITERS];

	unit_set(s, "k", "1");
	for (int i = 0; i < WAITERS; i++)
		w[i] = (struct waiter){.s = s, .key = "k", .since = 2};
	start(w, WAITERS);
	until_waiting(s, "k");
	unit_set(s, "k", "2");
	CHECK(!join(w, WAITERS, 4), "%d threads wait for a change", WAITERS);
	for (int i = 0; i < WAITERS; i++)
		w[i].since = 4;
	start(w, WAITERS);
	until_waiting(s, "k");
	spl_unset(s, "k");
	CHECK(!join(w, WAITERS, 0), "for a removal");
	for (int i = 0; i < WAITERS; i++)
		w[i].since = 0;
	start(w, WAITERS);
	until_waiting(s, NULL);
	unit_set(s, "k", "3");
	CHECK(!join(w, WAITERS, 6), "for a creation");
	unit_drop(s);
}

/* Other keys' changes end no wait; each way to write ends it. */
static void
each_write_wakes(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct waiter w = {.s = s, .key = "k"};
	spl_ref *ref;

	start(&w, 1);
	until_waiting(s, NULL);
	for (int i = 0; i < 50; i++) {
		unit_set(s, "other", "x");
		spl_unset(s, "other");
	}
	spl_append(s, "k", "1", 1, NULL);
	uint64_t epoch = unit_epoch(s, "k");
	CHECK(!join(&w, 1, epoch), "a creation among others'");
	spl_ref_open(s, "k", &ref);
	for (int how = 0; how < 5; how++) {
		w.since = epoch;
		start(&w, 1);
		until_waiting(s, "k");
		unit_set(s, "another", "y");
		unit_set(s, "another", "z");
		int rc = how == 0   ? spl_add(s, "k", 1, NULL)
			 : how == 1 ? spl_append(s, "k", "1", 1, NULL)
			 : how == 2 ? spl_set_if(s, "k", "1", 1, epoch, NULL)
			 : how == 3 ? spl_ref_set(ref, "1", 1)
				    : unit_set(s, "k", "1");
		epoch += 2;
		CHECK(!rc && !join(&w, 1, epoch), "way %d to write wakes", how);
	}
	spl_ref_close(ref);
	unit_drop(s);
}

/*
 * Ping-pong on two keys between two handles, in threads or processes.
 */
struct game {
	spl_store *s;
	int rounds, failed;
};

static void
answer(struct game *g)
{
	uint64_t seen = 0;

	for (int i = 0; i < g->rounds; i++) {
		g->failed += spl_wait(g->s, "ping", seen, UINT64_MAX, &seen);
		g->failed += unit_set(g->s, "pong", "") != 0;
	}
}

static void
ask(struct game *g)
{
	uint64_t seen = 0;

	for (int i = 0; i < g->rounds; i++) {
		g->failed += unit_set(g->s, "ping", "") != 0;
		g->failed += spl_wait(g->s, "pong", seen, UINT64_MAX, &seen);
	}
}

static void *
answer_in_thread(void *arg)
{
	answer(arg);
	return NULL;
}

static void
answer_in_process(void *arg)
{
	struct game *g = arg;

	answer(g);
	EXPECT(g->failed == 0);
	EXPECT(spl_close(g->s) == 0);
}

static void
ping_pong(uint32_t kind, bool process)
{
	spl_store *s = unit_store(kind, 8, 8);
	struct game mine = {s, (int)tap_scale(2000, 100), 0}, his = mine;
	struct unit_child child = {0};
	pthread_t thread;

	if (process)
		child = unit_fork(answer_in_process, &his);
	else
		pthread_create(&thread, NULL, answer_in_thread, &his);
	ask(&mine);
	if (process)
		his.failed = unit_join(&child);
	else
		pthread_join(thread, NULL);
	CHECK(!mine.failed && !his.failed, "%d rounds between two %s",
		mine.rounds, process ? "processes" : "threads");
	unit_drop(s);
}

/* Creation and removal, by a process, seen by a waiter on the absent key. */
static void
come_and_go(void *arg)
{
	struct game *g = arg;
	uint64_t seen = 0, last = 0;

	for (int i = 0; i < g->rounds; i++) {
		EXPECT(spl_wait(g->s, "key", 0, UINT64_MAX, &seen) == 0);
		EXPECT(seen > last);
		last = seen;
		EXPECT(unit_set(g->s, "seen", "") == 0);
		EXPECT(spl_wait(g->s, "key", seen, UINT64_MAX, &seen) == 0);
		EXPECT(seen == 0);
		EXPECT(unit_set(g->s, "seen", "") == 0);
	}
	EXPECT(spl_close(g->s) == 0);
}

static void
keys_that_come_and_go(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct game g = {s, (int)tap_scale(500, 50), 0};
	uint64_t seen = 0;
	int failed = 0;

	struct unit_child child = unit_fork(come_and_go, &g);
	for (int i = 0; i < g.rounds; i++) {
		failed += unit_set(s, "key", "") != 0;
		failed += spl_wait(s, "seen", seen, UINT64_MAX, &seen) != 0;
		failed += spl_unset(s, "key") != 0;
		failed += spl_wait(s, "seen", seen, UINT64_MAX, &seen) != 0;
	}
	CHECK(!unit_join(&child) && !failed,
		"a key that comes and goes is seen each time");
	unit_drop(s);
}

static void
read_only_waiters(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *again = unit_again(s, SPL_READ_ONLY);
	struct waiter w = {.s = again, .key = "k"};

	start(&w, 1);
	unit_moment();
	unit_set(s, "k", "1");
	CHECK(!join(&w, 1, 2), "a read-only handle sees a creation");
	w.since = 2;
	start(&w, 1);
	unit_moment();
	unit_set(s, "k", "2");
	CHECK(!join(&w, 1, 4), "a change");
	w.since = 4;
	start(&w, 1);
	unit_moment();
	spl_unset(s, "k");
	CHECK(!join(&w, 1, 0), "a removal");
	spl_close(again);
	unit_drop(s);
}

void
test_wait_wake(void)
{
	for (int i = 0; i < 2; i++) {
		all_waiters_are_woken(unit_kinds[i]);
		read_only_waiters(unit_kinds[i]);
		ping_pong(unit_kinds[i], false);
		ping_pong(unit_kinds[i], true);
	}
	each_write_wakes();
	keys_that_come_and_go();
}
