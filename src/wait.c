/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "wait.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "map.h"
#include "notify.h"
#include "ttl.h"

enum {
	SPINS = 200, /* looks before sleeping: a few microseconds */
	LOOK_AGAIN_MS = 1000, /* a writer may have died before waking */
	READ_ONLY_STEP_MS = 2, /* who cannot set a flag looks this often */
	WAITV_MAX = 128 /* the kernel's */
};

/*
 * futex_waitv(2), since Linux 5.16; its number is the same everywhere. Older
 * headers do not have it.
 */
enum { SYS_FUTEX_WAITV = 449, FUTEX_OF_32_BITS = 2 };
struct futex_of_many {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};
static int no_waitv; /* 1: this kernel, or a filter, does not have it */

/* A thread that is going to sleep, on the list of its handle. */
struct spli_sleeper {
	struct spli_sleeper *next, **link;
	uint32_t *flag; /* one of those it sleeps on */
};

static void
futex_wake(uint32_t *flag)
{
	syscall(SYS_futex, flag, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/*
 * E2, behind its fence. The kernel counts up and wakes in one call: who is
 * killed before it leaves the count odd, for the next; there is no after. (Two
 * at once may leave an even count odd: a call for nothing, later.) An even
 * count stays even, or, marked meanwhile, odd. The kernel's addition is a full
 * fence, for read-only waiters.
 */
static void
wake(uint32_t *flag, bool always)
{
	bool odd = spli_load(flag) & 1;

	if (odd || always)
		syscall(SYS_futex, flag, FUTEX_WAKE_OP, INT_MAX, 0L, flag,
			FUTEX_OP(
				FUTEX_OP_ADD, odd ? 1 : 2, FUTEX_OP_CMP_EQ, 0));
}

void
spli_structure_changed(spl_store *s)
{
	uint64_t *structure = &s->header->structure;

	/* Release: who has seen the new count finds the change. */
	spli_store_release(structure, spli_load(structure) + 1);
}

void
spli_wake_key(spl_store *s, uint64_t slot)
{
	bool always = s->features & SPLI_WAKE_ALWAYS;

	/* E2, behind the swap of the word: pairs with E1, in spli_sleep. */
	spli_fence_full_behind_cas();
	wake(&s->table[slot].waiters, always);
}

void
spli_wake_others(spl_store *s, bool structural)
{
	bool always = s->features & SPLI_WAKE_ALWAYS;

	/* E2, behind plain stores too: the structure counter's. */
	spli_fence_full();
	if (structural)
		wake(&s->header->structure_waiters, always);
	wake(&s->feed->waiters, always);
}

void
spli_flag_wake(spl_store *s, uint32_t *flag)
{
	spli_fence_full(); /* as E2 */
	if (!s->read_only)
		wake(flag, false);
	/* Who could not mark it, or was unmarked by a peer that scribbles. */
	futex_wake(flag);
}

/* The first half of E1: what to compare the flag with when sleeping. */
static uint32_t
mark(const spl_store *s, uint32_t *flag)
{
	/* Acquire: pairs with wake(), where nobody may write. */
	if (s->read_only)
		return spli_load_acquire(flag);
	return __atomic_fetch_or(flag, 1, __ATOMIC_RELAXED) | 1;
}

static bool
unchanged(const struct spli_watch *watches, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (spli_load(watches[i].word) != watches[i].seen)
			return false;
	return true;
}

static struct timespec
time_of(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
}

/* Sleep on one flag while it is @count. */
static void
sleep_on_one(uint32_t *flag, uint32_t count, uint64_t until_ns)
{
	struct timespec until = time_of(until_ns);

	syscall(SYS_futex, flag, FUTEX_WAIT_BITSET, count, &until, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

static void
sleep_on_many(
	const struct futex_of_many *futexes, size_t count, uint64_t until_ns)
{
	struct timespec until = time_of(until_ns);
	long rc = syscall(SYS_FUTEX_WAITV, futexes, (unsigned)count, 0, &until,
		CLOCK_MONOTONIC);

	/* EPERM is what some filters say. The next time goes another way. */
	if (rc < 0 && (errno == ENOSYS || errno == EPERM))
		spli_store(&no_waitv, 1);
}

static void
enlist(spl_store *s, struct spli_sleeper *me)
{
	pthread_mutex_lock(&s->sleep_mutex);
	me->next = s->sleepers;
	me->link = &s->sleepers;
	if (me->next)
		me->next->link = &me->next;
	s->sleepers = me;
	pthread_mutex_unlock(&s->sleep_mutex);
}

static void
delist(spl_store *s, struct spli_sleeper *me)
{
	pthread_mutex_lock(&s->sleep_mutex);
	*me->link = me->next;
	if (me->next)
		me->next->link = me->link;
	pthread_mutex_unlock(&s->sleep_mutex);
}

/* E1's second look. @stop: what else would keep one from sleeping. */
static bool
may_sleep(const struct spli_watch *watches, size_t count,
	const struct spli_stop *stop)
{
	spli_fence_full(); /* E1: pairs with E2 */
	return unchanged(watches, count) && spli_load(stop->word) == stop->seen;
}

/* E1 on each word's own flag. */
static void
sleep_apart(spl_store *s, const struct spli_watch *watches, size_t count,
	const struct spli_stop *stop, uint64_t until_ns)
{
	struct futex_of_many futexes[WAITV_MAX];

	for (size_t i = 0; i < count; i++)
		futexes[i] = (struct futex_of_many){
			.val = mark(s, watches[i].flag),
			.uaddr = (uint64_t)(uintptr_t)watches[i].flag,
			.flags = FUTEX_OF_32_BITS,
		};
	if (may_sleep(watches, count, stop))
		sleep_on_many(futexes, count, until_ns);
}

uint32_t *
spli_common_flag(
	const spl_store *s, const struct spli_watch *watches, size_t count)
{
	if (count == 1)
		return watches->flag;
	return count > WAITV_MAX || spli_load(&no_waitv) ? &s->feed->waiters
							 : NULL;
}

void
spli_sleep(spl_store *s, const struct spli_watch *watches, size_t count,
	uint32_t *common, const struct spli_stop *stop, uint64_t until_ns)
{
	if (!common) {
		sleep_apart(s, watches, count, stop, until_ns);
		return;
	}
	uint32_t marked = mark(s, common);
	if (may_sleep(watches, count, stop))
		sleep_on_one(common, marked, until_ns);
}

uint64_t
spli_look_again_ns(const spl_store *s, uint64_t now_ns)
{
	bool blind = s->read_only && !(s->features & SPLI_WAKE_ALWAYS);
	uint64_t step = blind ? READ_ONLY_STEP_MS : LOOK_AGAIN_MS;

	return now_ns + step * 1000000;
}

uint64_t
spli_expiry_ns(const spl_store *s, uint64_t expiry, uint64_t now_ns)
{
	uint64_t time = expiry ? spli_time_ns(s) : 0, at;

	if (!expiry || (expiry > time && __builtin_add_overflow(
						 now_ns, expiry - time, &at)))
		return UINT64_MAX;
	return expiry > time ? at : now_ns;
}

void
spli_wait_begin(struct spli_wait *wait, spl_store *s, uint64_t timeout_ms)
{
	*wait = (struct spli_wait){.s = s,
		.timeout_ms = timeout_ms,
		.linked = spli_load(&s->linked),
		.cancelled = spli_load(&s->cancelled) & ~1u};
	spli_add_relaxed(&s->waits, 1);
}

void
spli_wait_end(struct spli_wait *wait)
{
	/* Release, and last: who closes the handle waits for this. */
	__atomic_fetch_sub(&wait->s->waits, 1, __ATOMIC_RELEASE);
}

/* Once in the second in which a wait looks again anyway, and at its end. */
static int
check_name(struct spli_wait *wait, uint64_t now)
{
	spl_store *s = wait->s;

	wait->second = now >= wait->check_ns;
	if (wait->second)
		wait->check_ns = now + LOOK_AGAIN_MS * UINT64_C(1000000);
	else if (now < wait->until_ns)
		return 0;
	if (!wait->linked || spli_map_is_linked(s->fd))
		return 0;
	spli_store(&s->linked, false);
	return -EIDRM;
}

static int
begin_to_wait(struct spli_wait *wait, const struct spli_watch *watches,
	size_t count, uint64_t now)
{
	uint64_t timeout = wait->timeout_ms;

	wait->check_ns = now + LOOK_AGAIN_MS * UINT64_C(1000000);
	wait->until_ns = timeout < UINT64_MAX / 2000000
				 ? now + timeout * 1000000
				 : UINT64_MAX;
	for (unsigned i = 0; i < SPINS && count <= WAITV_MAX;
		i += (unsigned)count) {
		if (!unchanged(watches, count))
			return 1;
		spli_pause();
	}
	return 0;
}

int
spli_wait_on(struct spli_wait *wait, const struct spli_watch *watches,
	size_t count, uint32_t *common, uint64_t expiry)
{
	spl_store *s = wait->s;
	const struct spli_stop stop = {&s->cancelled, wait->cancelled};
	struct spli_sleeper me = {.flag = common ? common : watches->flag};

	if (spli_is_lost(s))
		return -EIO;
	/* Also if it is over already: a wait that was there then ends. */
	if (spli_load(&s->cancelled) != wait->cancelled)
		return -ECANCELED;
	if (!wait->timeout_ms)
		return -ETIMEDOUT;
	uint64_t now = spli_now_ns();
	if (!wait->until_ns && begin_to_wait(wait, watches, count, now))
		return 0;
	int rc = check_name(wait, now);
	if (!rc && now >= wait->until_ns)
		rc = -ETIMEDOUT;
	if (rc || wait->second)
		return rc;
	uint64_t until = spli_look_again_ns(s, now);
	uint64_t at = spli_expiry_ns(s, expiry, now);
	if (at < until)
		until = at;
	if (wait->until_ns < until)
		until = wait->until_ns;
	/* On the list before E1, so that who cancels after it finds us. */
	enlist(s, &me);
	spli_sleep(s, watches, count, common, &stop, until);
	delist(s, &me);
	return 0;
}

/* Wake all who sleep; false if there is nobody. */
static bool
wake_sleepers(spl_store *s)
{
	pthread_mutex_lock(&s->sleep_mutex);
	bool any = s->sleepers;
	for (struct spli_sleeper *i = s->sleepers; i; i = i->next)
		spli_flag_wake(s, i->flag);
	pthread_mutex_unlock(&s->sleep_mutex);
	return any;
}

static void
a_moment(unsigned round)
{
	if (round < 16)
		sched_yield();
	else
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

void
spli_waits_cancel(spl_store *s)
{
	/* spli_flag_wake()'s fence pairs with E1, where this is looked at. */
	__atomic_fetch_or(&s->cancelled, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; spli_load(&s->cancelled) & 1 && wake_sleepers(s);
		i++)
		a_moment(i);
}

void
spli_waits_finish(spl_store *s)
{
	spli_waits_cancel(s);
	/* Acquire: pairs with spli_wait_end. */
	for (unsigned i = 0; spli_load_acquire(&s->waits); i++)
		a_moment(i);
}

void
spli_waits_forked(spl_store *s)
{
	s->waits = 0;
	s->sleepers = NULL;
}

/* From odd to the next even count; even stays. */
static void
cancel_end(spl_store *s)
{
	uint32_t count = spli_load(&s->cancelled);

	while (count & 1 && !spli_cas(&s->cancelled, &count, count + 1))
		;
}

int
spl_cancel_waits(spl_store *s, int on)
{
	if (!s || (on != 0 && on != 1))
		return -EINVAL;
	if (on)
		spli_waits_cancel(s);
	else
		cancel_end(s);
	spli_notify_all(s);
	return 0;
}
