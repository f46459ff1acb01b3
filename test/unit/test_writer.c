/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - entries, leases and the claim, and who holds them too long.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "hook.h"
#include "unit.h"
#include "writer.h"

static uint32_t
owned(spl_store *s)
{
	struct spl_store_stat info;

	return spl_store_info(s, &info) ? UINT32_MAX : info.writers_owned;
}

static void
entries_come_as_needed(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	spl_store *again = unit_again(s, 0);
	struct spli_lease a, b, c;

	CHECK(owned(s) == 0, "nobody has written yet, nobody owns an entry");
	unit_is(s, "k", NULL);
	CHECK(owned(s) == 0, "reading takes none");
	unit_set(s, "k", "v");
	unit_set(s, "l", "v");
	CHECK(owned(s) == 1, "writing takes one, and keeps it");
	unit_set(again, "k", "v");
	CHECK(owned(s) == 2, "another handle has its own");
	CHECK_RC(spli_lease_take(s, &a), 0);
	CHECK_RC(spli_lease_take(s, &b), 0);
	CHECK_RC(spli_lease_take(s, &c), 0);
	CHECK(a.name != b.name && b.name != c.name && a.name != c.name,
		"leases at the same time are of different entries");
	CHECK(owned(s) == 4, "a handle takes more when its threads need them");
	CHECK(a.vacuum && b.vacuum, "they know that auto-vacuum is on");
	spli_lease_drop(&a);
	spli_lease_drop(&b);
	spli_lease_drop(&c);
	unit_set(s, "k", "v");
	CHECK(owned(s) == 4, "and uses them again");
	spl_close(again);
	CHECK(owned(s) == 3, "closing gives them back");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

/* A child that opens a store by name, writes, and stays until told. */
struct holder {
	const char *name;
	enum { HOLD_ENTRY, HOLD_LEASE, HOLD_CLAIM } what;
	bool close;
};

static void
hold(void *arg)
{
	struct holder *h = arg;
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	struct spli_lease lease;
	spl_store *s;

	if (!EXPECT(spl_open(h->name, &o, &s) == 0))
		return;
	EXPECT(unit_set(s, "held", "by the child") == 0);
	if (h->what >= HOLD_LEASE)
		EXPECT(spli_lease_take(s, &lease) == 0);
	if (h->what == HOLD_CLAIM)
		EXPECT(spli_claim_take(&lease) == 0);
	unit_post(0, 1);
	unit_await(1, 1);
	if (h->what == HOLD_CLAIM)
		spli_claim_drop(&lease);
	if (h->what >= HOLD_LEASE)
		spli_lease_drop(&lease);
	if (h->close)
		spl_close(s);
}

static struct unit_child
start(struct holder *h)
{
	unit_board_clear();
	struct unit_child c = unit_fork(hold, h);
	unit_await(0, 1);
	return c;
}

/* All entries are another's: EAGAIN after the bound, then his end helps. */
static void
too_many_writers(uint32_t writers, bool killed)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 64);

	o.writers = writers;
	spl_store *s = unit_store_with(&o);
	struct holder h = {unit_name_of(s), HOLD_ENTRY, !killed};
	struct unit_child first = start(&h), second = {0};
	/* No process takes more than half of the entries. */
	if (writers == 2)
		second = start(&h);
	uint64_t from = unit_now_ms();
	CHECK_RC(unit_set(s, "k", "v"), -EAGAIN);
	CHECK(unit_now_ms() - from >= SPL_WAIT_BOUND_MS,
		"%u of %u entries are taken: EAGAIN, after the bounded wait",
		writers, writers);
	CHECK(unit_is(s, "k", NULL) && unit_is(s, "held", "by the child"),
		"reading goes on meanwhile");
	if (killed) {
		unit_kill(&first);
	} else {
		unit_post(1, 1);
		CHECK(!unit_join(&first), "the other one leaves");
	}
	CHECK_RC(unit_set(s, "k", "v"), 0);
	struct spl_store_stat info;
	spl_store_info(s, &info);
	CHECK(info.repairs == killed, "%s",
		killed ? "a killed owner's entry "
			 "is repaired"
		       : "nothing to repair");
	if (writers == 2)
		unit_kill(&second);
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

/* Nobody but inserts and unsets waits for a stopped holder of the claim. */
static void
a_stopped_claim(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	struct holder h = {unit_name_of(s), HOLD_CLAIM, false};
	uint64_t now;

	unit_set(s, "k", "v");
	struct unit_child c = start(&h);
	kill(c.pid, SIGSTOP);
	CHECK_RC(unit_set(s, "new", "v"), -EAGAIN);
	CHECK_RC(spl_unset(s, "k"), -EAGAIN);
	CHECK_RC(unit_set(s, "k", "updated"), 0);
	CHECK_RC(spl_add(s, "k", 1, NULL), -EINVAL);
	CHECK_RC(spl_append(s, "k", "!", 1, NULL), 0);
	CHECK_RC(spl_set_if(s, "k", "again", 5, 6, &now), 0);
	CHECK_RC(spl_set_if(s, "new", "v", 1, 6, &now), -ESTALE);
	CHECK(unit_is(s, "k", "again") && unit_is(s, "new", NULL),
		"reads and updates go on beside a stopped holder of the claim");
	unit_kill(&c);
	CHECK_RC(unit_set(s, "new", "v"), 0); /* -EAGAIN if it had waited */
	CHECK(spl_unset(s, "k") == 5, "and unset works");
	CHECK(!unit_misplaced(s) && !spli_load(&s->header->claim),
		"every block is accounted for, the claim is free");
	unit_drop(s);
}

/* Garbage in place of a name is nobody's. */
static void
names_that_nobody_has(void)
{
	static const uint32_t garbage[] = {65, 1000, UINT32_MAX};
	spl_store *s = unit_store(TEST_KIND, 8, 64);
	unsigned wrong = 0;

	unit_set(s, "k", "v");
	for (size_t i = 0; i < 3; i++) {
		spli_store(&s->header->claim, garbage[i]);
		wrong += unit_set(s, "new", "v") != 0;
		wrong += spl_unset(s, "new") != 1;
		spli_store(&s->writers[0].lease, garbage[i]);
		wrong += unit_set(s, "k", "v") != 0;
		wrong += spl_set_auto_vacuum(s, 1, NULL) != 0;
	}
	CHECK(!wrong, "a claim or lease of nobody's is taken over");
	unit_drop(s);
}

struct lessee {
	spl_store *s;
	int rounds, failed;
};

static void *
write_much(void *arg)
{
	struct lessee *l = arg;
	char key[16];

	for (int i = 0; i < l->rounds; i++) {
		unit_text(key, sizeof key, "%d", i % 10);
		int rc = i % 7 ? unit_set(l->s, key, key)
			       : (int)spl_unset(l->s, key);
		if (rc < 0 && rc != -ENOENT)
			__atomic_fetch_add(&l->failed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* More threads than entries: they take turns. */
static void
threads_share_entries(uint32_t writers)
{
	struct spl_options o = unit_options(TEST_KIND, 16, 16);
	struct lessee l = {.rounds = (int)tap_scale(2000, 100)};
	pthread_t threads[6];

	o.writers = writers;
	l.s = unit_store_with(&o);
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, write_much, &l);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK(!l.failed, "6 threads write through %u entries", writers);
	CHECK(owned(l.s) <= (writers + 1) / 2, "of which they own half");
	CHECK(!unit_misplaced(l.s), "every block is accounted for");
	unit_drop(l.s);
}

static void
many_processes(void)
{
	struct spl_options o = unit_options(TEST_KIND, 16, 64);
	struct unit_child c[5];

	o.writers = 6;
	spl_store *s = unit_store_with(&o);
	struct holder h = {unit_name_of(s), HOLD_ENTRY, true};
	for (int i = 0; i < 5; i++)
		c[i] = start(&h);
	unit_set(s, "k", "v");
	CHECK(owned(s) == 6, "six processes, six entries");
	unit_post(1, 1);
	int failed = 0;
	for (int i = 0; i < 5; i++)
		failed += unit_join(&c[i]) != 0;
	CHECK(!failed && owned(s) == 1, "five leave, one is owned");
	CHECK(!unit_misplaced(s), "every block is accounted for");
	unit_drop(s);
}

/* Dead owners' entries are repaired by whoever opens for writing. */
static void
opening_repairs(void)
{
	spl_store *s = unit_store(TEST_KIND, 16, 64);
	struct holder h = {unit_name_of(s), HOLD_LEASE, false};
	struct spl_store_stat info;

	for (int i = 0; i < 2; i++) {
		struct unit_child c = start(&h);
		unit_kill(&c);
	}
	CHECK(owned(s) == 1, "the second took the first one's entry over, "
			     "as a dead one's, or beside it");
	spl_close(unit_again(s, SPL_READ_ONLY));
	CHECK(owned(s) >= 1, "opening for reading repairs nothing");
	spl_close(unit_again(s, 0));
	spl_store_info(s, &info);
	CHECK(info.writers_owned == 0 && info.repairs == 2,
		"opening for writing repairs what dead writers left");
	unit_drop(s);
}

/* A switcher of auto-vacuum with another process's entry in its hands. */
static void
switch_for_ever(void *arg)
{
	spl_store *s = arg;
	struct spli_lease lease;

	EXPECT(spli_lease_take(s, &lease) == 0);
	spli_lease_drop(&lease);
	for (uint32_t e = 0; e < s->geo.writers; e++)
		if (e != lease.name - 1)
			EXPECT(spli_lease_foreign(s, e, lease.name) == 0);
	unit_post(1, 1);
	pause();
}

static unsigned
leased(const spl_store *s)
{
	unsigned count = 0;

	for (uint32_t e = 0; e < s->geo.writers; e++)
		count += spli_load(&s->writers[e].lease) != 0;
	return count;
}

static void
a_dead_switcher(bool adopted)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 64);

	o.writers = 4;
	spl_store *s = unit_store_with(&o);
	unit_set(s, "k", "v"); /* one entry is ours */
	unit_board_clear();
	struct unit_child c = unit_fork(switch_for_ever, s);
	unit_await(1, 1);
	CHECK(leased(s) == 3, "a switcher has leased all entries but its own");
	unit_kill(&c);
	/* Another process adopts the switcher's entry, and lives. */
	spl_store *other = adopted ? unit_again(s, 0) : NULL;
	if (other) {
		CHECK(leased(s) == 0, "its repair lets go of its leases");
		CHECK_RC(unit_set(other, "k", "w"), 0);
	}
	CHECK_RC(unit_set(s, "k", "x"), 0);
	CHECK_RC(spl_set_auto_vacuum(s, 1, NULL), 0);
	CHECK(leased(s) == 0, "nobody holds a dead switcher's lease");
	if (other)
		spl_close(other);
	unit_drop(s);
}

static void
kill_now(void *arg)
{
	unit_kill(arg);
}

/* A switcher who dies only while we wait for the one entry we may have. */
static void
a_switcher_dies_meanwhile(void)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 64);

	o.writers = 2;
	spl_store *s = unit_store_with(&o);
	unit_set(s, "k", "v");
	unit_board_clear();
	struct unit_child c = unit_fork(switch_for_ever, s);
	unit_await(1, 1);
	hook_set(HOOK_nanosleep, (struct hook){.before = kill_now, .arg = &c});
	CHECK_RC(unit_set(s, "k", "x"), 0);
	CHECK(hook_end(HOOK_nanosleep) == 1 && leased(s) == 0,
		"what a switcher held who died meanwhile is taken back");
	unit_drop(s);
}

void
test_writer(void)
{
	for (int i = 0; i < 2; i++)
		entries_come_as_needed(unit_kinds[i]);
	too_many_writers(1, false);
	too_many_writers(1, true);
	too_many_writers(2, true);
	a_stopped_claim();
	names_that_nobody_has();
	threads_share_entries(1);
	threads_share_entries(4);
	many_processes();
	opening_repairs();
	a_dead_switcher(false);
	a_dead_switcher(true);
	a_switcher_dies_meanwhile();
}
