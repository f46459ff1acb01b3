/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - handles over fork(): the child goes on using them, with entries
 * and locks of its own.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "unit.h"
#include "writer.h"

struct family {
	spl_store *s;
	spl_ref *ref;
	const char *name;
};

static void
child_goes_on(void *arg)
{
	struct family *f = arg;
	struct spl_store_stat info;

	EXPECT(unit_is(f->s, "k", "parent"));
	EXPECT(unit_set(f->s, "k", "child") == 0);
	EXPECT(unit_set(f->s, "new", "child") == 0);
	EXPECT(spl_ref_set(f->ref, "ref", 3) == 0);
	EXPECT(spl_store_info(f->s, &info) == 0 && info.writers_owned == 2);
	unit_post(0, 1);
	unit_await(1, 1);
	EXPECT(unit_is(f->s, "k", "parent again"));
	EXPECT(spl_unset(f->s, "new") == 5);
	spl_ref_close(f->ref);
	EXPECT(spl_close(f->s) == 0);
}

static void
both_write(uint32_t kind)
{
	struct family f = {.s = unit_store(kind, 8, 64)};
	struct spl_store_stat info;

	unit_set(f.s, "k", "parent");
	CHECK_RC(spl_ref_open(f.s, "r", &f.ref), 0);
	unit_board_clear();
	struct unit_child c = unit_fork(child_goes_on, &f);
	unit_await(0, 1);
	CHECK(unit_is(f.s, "k", "child") && unit_is(f.s, "r", "ref"),
		"the parent sees what the child wrote");
	CHECK_RC(unit_set(f.s, "k", "parent again"), 0);
	unit_post(1, 1);
	CHECK(!unit_join(&c),
		"the child writes with the same handle and its own entry");
	spl_store_info(f.s, &info);
	CHECK(info.writers_owned == 1 && info.repairs == 0,
		"it has given its entry back by closing");
	CHECK_RC(unit_set(f.s, "k", "and again"), 0);
	CHECK(unit_is(f.s, "new", NULL) && !unit_misplaced(f.s),
		"every block is accounted for");
	spl_ref_close(f.ref);
	unit_drop(f.s);
}

static void
child_only_closes(void *arg)
{
	struct family *f = arg;

	EXPECT(spl_close(f->s) == 0);
}

static void
child_does_nothing(void *arg)
{
	(void)arg;
}

/* A child that ends, however, takes nothing of the parent's away. */
static void
parents_entries_stay_his(void)
{
	struct family f = {.s = unit_store(TEST_KIND, 8, 64)};
	struct spl_store_stat info;
	struct spli_lease lease;

	unit_set(f.s, "k", "1");
	CHECK(!unit_run(child_only_closes, &f), "a child closes");
	CHECK(!unit_run(child_does_nothing, &f), "a child is killed");
	CHECK_RC(spli_lease_take(f.s, &lease), 0);
	spl_store *again = unit_again(f.s, 0);
	CHECK_RC(spli_writer_rescue(again, lease.name - 1), -EAGAIN);
	spl_close(again);
	spli_lease_drop(&lease);
	spl_store_info(f.s, &info);
	CHECK(info.writers_owned == 1 && info.repairs == 0,
		"the parent's entry is still his");
	CHECK_RC(unit_set(f.s, "k", "2"), 0);
	unit_drop(f.s);
}

/* The child of a parent who will be killed with claim and lease. */
static void
orphan(void *arg)
{
	struct family *f = arg;

	unit_post(2, getpid());
	unit_await(1, 1);
	EXPECT(unit_set(f->s, "new", "orphan") == 0);
	EXPECT(spl_unset(f->s, "k") == 6);
	EXPECT(unit_misplaced(f->s) == 0);
	EXPECT(spl_close(f->s) == 0);
	unit_post(3, 1);
}

static void
parent_to_be_killed(void *arg)
{
	struct family *f = arg;
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	struct spli_lease lease;

	if (!EXPECT(spl_open(f->name, &o, &f->s) == 0))
		return;
	EXPECT(unit_set(f->s, "k", "parent") == 0);
	EXPECT(spli_lease_take(f->s, &lease) == 0);
	EXPECT(spli_claim_take(&lease) == 0);
	pid_t child = fork();
	if (!child) {
		orphan(f);
		for (;;)
			pause();
	}
	unit_await(2, 1);
	unit_post(0, 1);
	for (;;)
		pause();
}

static void
a_childs_rescue(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	struct family f = {.name = unit_name_of(s)};

	unit_board_clear();
	struct unit_child c = unit_fork(parent_to_be_killed, &f);
	unit_await(0, 1);
	unit_kill(&c);
	unit_post(1, 1);
	unit_await(3, 1);
	kill(unit_posted(2), SIGKILL);
	CHECK(unit_is(s, "new", "orphan") && unit_is(s, "k", NULL),
		"a child repairs its killed parent's entry and claim");
	CHECK(!unit_misplaced(s) && !spli_load(&s->header->claim),
		"every block is accounted for, the claim is free");
	unit_drop(s);
}

/*
 * Forking beside threads that write: the child gets on, whatever they had
 * taken. It does not start threads.
 */
static bool stop;

static void *
write_until_stopped(void *arg)
{
	spl_store *s = arg;

	for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		char key[16];
		unit_text(key, sizeof key, "t%u", i % 4);
		if (i % 5)
			unit_set(s, key, "thread");
		else
			spl_unset(s, key);
	}
	return NULL;
}

static void
child_beside_threads(void *arg)
{
	spl_store *s = arg;

	EXPECT(unit_set(s, "c", "child") == 0);
	EXPECT(spl_unset(s, "c") == 5);
	EXPECT(spl_close(s) == 0);
}

static void
forking_beside_threads(void)
{
	spl_store *s = unit_store(TEST_KIND, 16, 64);
	pthread_t threads[2];
	int failed = 0, rounds = (int)tap_scale(30, 5);

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, write_until_stopped, s);
	for (int i = 0; i < rounds; i++)
		failed += unit_run(child_beside_threads, s) != 0;
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(!failed, "%d forks beside writing threads", rounds);
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

static bool
sleeps(spl_store *s)
{
	pthread_mutex_lock(&s->sleep_mutex);
	bool any = s->sleepers;
	pthread_mutex_unlock(&s->sleep_mutex);
	return any;
}

static void *
wait_for_ever(void *store)
{
	spl_wait(store, "k", 0, UINT64_MAX, NULL);
	return NULL;
}

static void
cancel_and_close(void *store)
{
	spl_store *s = store;

	EXPECT(s->waits == 0 && !s->sleepers);
	EXPECT(spl_cancel_waits(s, 1) == 0);
	EXPECT(spl_close(s) == 0);
}

/* A thread waits; in the child there is none that does. */
static void
forking_beside_a_wait(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_ever, s);
	while (!sleeps(s))
		unit_moment();
	CHECK(!unit_run(cancel_and_close, s),
		"a child waits for none of its parent's waits");
	CHECK(spli_load(&s->waits) == 1, "which goes on");
	CHECK_RC(spl_cancel_waits(s, 1), 0);
	pthread_join(thread, NULL);
	unit_drop(s);
}

void
test_writer_fork(void)
{
	for (int i = 0; i < 2; i++)
		both_write(unit_kinds[i]);
	parents_entries_stay_his();
	a_childs_rescue();
	forking_beside_threads();
	forking_beside_a_wait();
}
