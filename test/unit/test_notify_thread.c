/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - the thread behind the descriptors: how often it looks, where it
 * sleeps, and what wakes it.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hear.h"
#include "hook.h"

enum { SOON_MS = 30000, TRIES = 30000 };

static uint32_t
ring_flag(const spl_store *s)
{
	return spli_load(&s->feed->waiters);
}

/*
 * The flag once the thread has marked it to sleep on the ring, and it is
 * another than @former; 0 if it does not. From then on only a wake moves it.
 */
static uint32_t
until_on_ring(const spl_store *s, uint32_t former)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t flag = ring_flag(s);
		if (flag & 1 && flag != former)
			return flag;
		unit_moment();
	}
	return 0;
}

/* Until it sleeps where only a kick wakes it, as this does. */
static bool
until_resting(spl_store *s)
{
	for (unsigned i = 0; i < TRIES; i++) {
		if (syscall(SYS_futex, &s->notifier.kicks, FUTEX_WAKE_PRIVATE,
			    1, NULL, NULL, 0) == 1)
			return true;
		unit_moment();
	}
	return false;
}

/* A feed of keys that nobody sets. */
static spl_feed *
hear_quiet(spl_store *s, uint32_t flags)
{
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.prefix = "quiet";
	o.flags = flags;
	return hear_open(s, &o);
}

/*
 * Who sleeps costs writers a system call, and is late for what no writer
 * brings. A store so large that one look does not walk over it.
 */
static void
asleep_and_woken(void)
{
	spl_store *s = unit_store(TEST_KIND, 100000, 8);
	spl_feed *quiet = hear_quiet(s, SPL_FEED_SNAPSHOT), *all, *walk;

	CHECK(hear_readable(spl_feed_fd(quiet), SOON_MS) && !ring_flag(s),
		"no sleep before a walk is over");
	CHECK(until_resting(s) && !ring_flag(s),
		"none for changes while all are readable");
	CHECK(hear_end(quiet), "the walk's end");
	uint32_t flag = until_on_ring(s, 0);
	CHECK(flag, "asleep on the ring");
	all = hear_flags(s, 0);
	CHECK(spl_feed_fd(all) >= 0 && ring_flag(s) == flag,
		"a new descriptor does not wake it");
	unit_set(s, "k", "");
	CHECK(hear_readable(spl_feed_fd(all), SOON_MS), "a change does");
	flag = until_on_ring(s, flag);
	CHECK(hear(all, SPL_CREATED, "k") && ring_flag(s) == flag,
		"a read does not");
	spl_set_ttl(s, "k", "", 0, 60000);
	CHECK(hear_readable(spl_feed_fd(all), SOON_MS), "a time to live");
	flag = until_on_ring(s, flag);
	CHECK(hear(all, SPL_CHANGED, "k") && flag && ring_flag(s) != flag,
		"a read of it does, for the time has become earlier");
	flag = until_on_ring(s, flag);
	walk = hear_quiet(s, SPL_FEED_SNAPSHOT);
	CHECK(spl_feed_fd(walk) >= 0 && flag && ring_flag(s) != flag,
		"a walk that has just begun does");
	CHECK(hear_readable(spl_feed_fd(walk), SOON_MS), "and is gone on with");
	flag = until_on_ring(s, flag);
	spl_feed_close(walk);
	spl_feed_close(all);
	CHECK(flag && ring_flag(s) == flag, "a feed that is closed does not");
	hook_set(HOOK_nanosleep, (struct hook){.times = UINT_MAX});
	spl_feed_close(quiet);
	CHECK(hook_end(HOOK_nanosleep), "who waits for its end, sleeps");
	CHECK(ring_flag(s) != flag, "the last one does, for its end");
	unit_drop(s);
}

/* What the thread has done in a fifth of a second, or more on a busy machine. */
struct looks {
	uint64_t ms;
	unsigned looks; /* at the feeds: of the clock, two each */
	unsigned checks; /* of the store's name */
};

static struct looks
watch_thread(int fd, int ms)
{
	uint64_t from = unit_now_ms();
	unsigned clock = hook_calls(HOOK_clock_gettime);
	unsigned checks = hook_calls(HOOK_fstat);
	bool told = hear_readable(fd, ms);

	clock = hook_calls(HOOK_clock_gettime) - clock;
	checks = hook_calls(HOOK_fstat) - checks;
	if (told)
		CHECK(false, "nothing to tell");
	return (struct looks){unit_now_ms() - from + 1, clock / 2, checks};
}

/*
 * While nothing happens. Never more often than it says, and in one of many
 * watches at least so often that no other step would do: the machine may have
 * other things to do.
 */
static void
how_often_it_looks(
	uint32_t store_flags, uint32_t flags, uint64_t step_ms, unsigned least)
{
	struct spl_options o = unit_options(TEST_KIND, 8, 8);
	o.flags = store_flags;
	spl_store *s = unit_store_with(&o);
	spl_store *again = unit_again(s, flags);
	spl_feed *f = hear_open(again, NULL);
	int fd = spl_feed_fd(f);
	bool often = false, seldom = true;
	struct looks l;

	/* A time that has come is none to wake up for again. */
	spl_set_ttl(s, "k", "", 0, 50);
	CHECK(hear_soon(f, SPL_CREATED, "k") && hear_soon(f, SPL_EXPIRED, "k"),
		"come and gone");
	for (int i = 0; i < 50 && !often; i++) {
		l = watch_thread(fd, 200);
		seldom &= l.looks <= l.ms / step_ms + 5 &&
			  l.checks <= l.ms / 1000 + 1;
		often = l.looks >= least && l.ms < 250;
	}
	CHECK(seldom && often,
		"%u looks in %u ms, one each %u, %u of them at its name",
		l.looks, (unsigned)l.ms, (unsigned)step_ms, l.checks);
	if (step_ms == 2) {
		for (int i = 0; i < SOON_MS / 10 && !l.checks; i++)
			l = watch_thread(fd, 10);
		CHECK(l.checks, "after a second, the store's name");
		l = watch_thread(fd, 200);
		CHECK(l.checks <= l.ms / 1000 + 1, "and a second later again");
	}
	spl_feed_close(f);
	spl_close(again);
	unit_drop(s);
}

/* The thread is there for others already. */
static void
asked_for_later(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	spl_feed *f = hear_open(s, NULL), *later = hear_open(s, NULL);
	int fd = spl_feed_fd(f);

	unit_set(s, "k", "");
	CHECK(hear_readable(fd, SOON_MS) &&
			hear_readable(spl_feed_fd(later), 0),
		"a descriptor that is made after the change");
	CHECK(hear(later, SPL_CREATED, "k") &&
			!hear_readable(spl_feed_fd(later), 0),
		"and its change");
	spl_feed_close(f);
	spl_feed_close(later);
	unit_drop(s);
}

void
test_notify_thread(void)
{
	asleep_and_woken();
	how_often_it_looks(0, 0, 1000, 0);
	how_often_it_looks(0, SPL_READ_ONLY, 2, 20);
	how_often_it_looks(SPL_WAKE_ALWAYS, SPL_READ_ONLY, 20, 5);
	asked_for_later();
}
