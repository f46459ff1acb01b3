/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c - spl_wait_many: what it returns, and how it sleeps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "hook.h"
#include "swap.h"
#include "unit.h"
#include "victim.h"

enum { MANY = 10000, NAME = 16, FUTEX_WAITV = 449 };

static char names[MANY][NAME];
static struct spl_pollkey keys[MANY];

/* @count keys, as they are now. */
static void
make_keys(spl_store *s, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unit_text(names[i], NAME, "key %u", (unsigned)i);
		keys[i] = (struct spl_pollkey){names[i], 0, 77, 0};
		keys[i].epoch = unit_epoch(s, names[i]);
	}
}

static void
what_is_told(uint32_t kind)
{
	spl_store *s = unit_store(kind, 8, 8);
	struct spl_pollkey k[5] = {{"a", 0, 77, 0}, {"b", 0, 77, 0},
		{"a", 0, 77, 0}, {"c", 0, 77, 0}, {"a", 2, 77, 0}};

	CHECK_RC(spl_wait_many(s, k, 4, 0), 0);
	CHECK(!k[0].revents && !k[3].revents, "nothing has happened");
	unit_set(s, "a", "1");
	CHECK_RC(spl_wait_many(s, k, 5, UINT64_MAX), 2);
	CHECK(k[0].revents == SPL_CREATED && k[0].epoch == 2 &&
			k[2].revents == SPL_CREATED && k[2].epoch == 2,
		"a key given twice is created twice");
	CHECK(!k[1].revents && !k[3].revents && !k[4].revents && !k[1].epoch &&
			k[4].epoch == 2,
		"others are as they were");
	CHECK_RC(spl_wait_many(s, k, 5, 0), 0);
	CHECK(!k[0].revents, "said once");
	unit_set(s, "a", "1");
	unit_set(s, "b", "1");
	spl_unset(s, "b");
	unit_set(s, "c", "1");
	CHECK_RC(spl_wait_many(s, k, 4, 0), 3);
	CHECK(k[0].revents == SPL_CHANGED && k[0].epoch == 4 && !k[1].revents &&
			k[3].revents == SPL_CREATED,
		"changed, created, come and gone");
	spl_unset(s, "a");
	CHECK_RC(spl_wait_many(s, k, 4, 0), 2);
	CHECK(k[0].revents == SPL_UNSET && !k[0].epoch, "removed");
	spl_unset(s, "c");
	unit_set(s, "c", "1");
	CHECK_RC(spl_wait_many(s, k, 4, 0), 1);
	CHECK(k[3].revents == SPL_CHANGED, "removed and back is a change");
	k[1].epoch = 12344;
	CHECK_RC(spl_wait_many(s, k, 4, UINT64_MAX), 1);
	CHECK(k[1].revents == SPL_UNSET && !k[1].epoch, "any other epoch");
	k[3].epoch = 12344;
	CHECK_RC(spl_wait_many(s, &k[3], 1, UINT64_MAX), 1);
	CHECK(k[3].revents == SPL_CHANGED && k[3].epoch == unit_epoch(s, "c"),
		"one key");
	unit_drop(s);
}

static void
bad_arguments(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_pollkey k[2] = {{"k", 2, 77, 0}, {"", 2, 77, 0}};
	char text[65];

	memset(text, 'k', 64);
	text[64] = '\0';
	CHECK_RC(spl_wait_many(NULL, k, 1, 0), -EINVAL);
	CHECK_RC(spl_wait_many(s, NULL, 1, 0), -EINVAL);
	CHECK_RC(spl_wait_many(s, k, 0, 0), -EINVAL);
	CHECK_RC(spl_wait_many(s, k, (1 << 24) + 1, 0), -EINVAL);
	hook_set(HOOK_malloc, (struct hook){.error = ENOMEM});
	CHECK_RC(spl_wait_many(s, k, 1 << 24, 0), -ENOMEM);
	hook_end(HOOK_malloc);
	CHECK_RC(spl_wait_many(s, k, SIZE_MAX, UINT64_MAX), -EINVAL);
	CHECK_RC(spl_wait_many(s, k, 2, 0), -EINVAL);
	k[1].key = NULL;
	CHECK_RC(spl_wait_many(s, k, 2, 0), -EINVAL);
	k[1].key = text;
	CHECK_RC(spl_wait_many(s, k, 2, 0), -ENAMETOOLONG);
	CHECK(k[0].epoch == 2 && k[0].revents == 77, "as it was, on failure");
	text[63] = '\0';
	unit_set(s, text, "1");
	CHECK_RC(spl_wait_many(s, k, 2, 0), 1);
	CHECK(k[0].revents == SPL_UNSET && !k[1].revents, "63 bytes do");
	unit_drop(s);
}

/* A waiter in a thread, and one of its keys that changes. */
struct sleeper {
	spl_store *s;
	size_t count;
	int rc;
	pthread_t thread;
};

static void *
sleep_on(void *arg)
{
	struct sleeper *w = arg;

	w->rc = spl_wait_many(w->s, keys, w->count, UINT64_MAX);
	return NULL;
}

/* Until somebody sleeps, or is about to: on the key, a new one, or any. */
static void
until_waiting(spl_store *s, const char *key)
{
	struct spl_store_stat info;
	struct spl_key_stat stat;

	for (;; unit_moment()) {
		if (spl_store_info(s, &info))
			abort();
		bool there = !spl_stat(s, key, &stat);
		if (info.waited_any || (there ? stat.waited : info.waited_new))
			break;
	}
}

/* Of @count keys, half of them absent, wake for one; @flags of the handle. */
static unsigned
wake_one(spl_store *s, spl_store *waiting, size_t count, size_t at, int how)
{
	struct sleeper w = {.s = waiting, .count = count};
	uint32_t want = how		 ? SPL_UNSET
			: keys[at].epoch ? SPL_CHANGED
					 : SPL_CREATED;
	unsigned wrong = 0, others = 0;

	pthread_create(&w.thread, NULL, sleep_on, &w);
	if (!waiting->read_only)
		until_waiting(s, names[at]);
	unit_set(s, "not one of them", "");
	if (how)
		spl_unset(s, names[at]);
	else
		unit_set(s, names[at], "");
	pthread_join(w.thread, NULL);
	wrong += w.rc != 1 || keys[at].revents != want;
	wrong += keys[at].epoch != unit_epoch(s, names[at]);
	for (size_t i = 0; i < count; i++)
		others += keys[i].revents != 0;
	return wrong + (others != 1);
}

static unsigned
any_number(uint32_t flags)
{
	static const size_t counts[] = {
		1, 2, 16, 17, 127, 128, 129, 1000, MANY};
	spl_store *s = unit_store(TEST_KIND, MANY + 8, 8);
	spl_store *again = unit_again(s, flags);
	unsigned wrong = 0;
	char name[NAME];

	for (size_t i = 0; i < MANY; i += 2) {
		unit_text(name, NAME, "key %u", (unsigned)i);
		wrong += unit_set(s, name, "") != 0;
	}
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		size_t count = counts[i], last = count - 1;
		make_keys(s, count);
		wrong += spl_wait_many(again, keys, count, 0) != 0;
		wrong += spl_wait_many(again, keys, count, 3) != 0;
		wrong += wake_one(s, again, count, 0, 0);
		wrong += wake_one(s, again, count, last, 0);
		wrong += wake_one(s, again, count, last, 1);
		wrong += wake_one(s, again, count, last, 0);
		wrong += wake_one(s, again, count, count / 2, 0);
		if (wrong)
			printf("# wrong with %u keys\n", (unsigned)count);
	}
	spl_close(again);
	unit_drop(s);
	return wrong;
}

/* The kernel, or a filter, does not know futex_waitv(2). */
static void
without_waitv(void *arg)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAITV, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			SECCOMP_RET_ERRNO | (*(int *)arg & 0xffff)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		unit_post(0, 1);
		return;
	}
	/* Valgrind says ENOSYS itself. */
	EXPECT(syscall(FUTEX_WAITV, NULL, 0, 0, NULL, 0) == -1 &&
		(errno == *(int *)arg || errno == ENOSYS));
	EXPECT(any_number(0) == 0);
	EXPECT(any_number(SPL_READ_ONLY) == 0);
}

static void
on_other_kernels(int number)
{
	unit_board_clear();
	int failed = unit_run(without_waitv, &number);
	if (unit_posted(0))
		unit_skip("without futex_waitv", "no seccomp");
	else
		CHECK(!failed, "without futex_waitv, which is %s",
			unit_errno(number));
}

/*
 * How often a waiting process sleeps until a change: each step of 2 ms would
 * be one. It waits for what comes when many steps would be over.
 */
struct counted {
	const char *name;
	size_t count;
	long switches;
};

static void
sleep_and_count(void *arg)
{
	struct counted *c = arg;
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	struct rusage from, to;
	spl_store *s;

	o.flags = SPL_READ_ONLY;
	if (!EXPECT(spl_open(c->name, &o, &s) == 0))
		return;
	make_keys(s, c->count);
	unit_post(0, 1);
	getrusage(RUSAGE_SELF, &from);
	EXPECT(spl_wait_many(s, keys, c->count, UINT64_MAX) == 1);
	getrusage(RUSAGE_SELF, &to);
	unit_post(1, (int)(to.ru_nvcsw - from.ru_nvcsw) + 1);
	spl_close(s);
}

static int
count_sleeps(uint32_t flags, size_t count)
{
	enum { STEPS = 100 };
	struct spl_options o = unit_options(TEST_KIND, 8, 8);
	unit_board_clear();
	o.flags = flags;
	spl_store *s = unit_store_with(&o);
	struct counted c = {unit_name_of(s), count, 0};
	struct unit_child child = unit_fork(sleep_and_count, &c);

	unit_await(0, 1);
	/* Time for so many steps, as this process has it as well. */
	for (int i = 0; i < STEPS; i++)
		spl_wait(s, "nothing", 0, 2, NULL);
	unit_set(s, "key 0", "");
	CHECK(!unit_join(&child), "a read-only waiter for %u keys",
		(unsigned)count);
	unit_drop(s);
	return unit_posted(1) - 1;
}

static void
who_is_woken_always_sleeps(void)
{
	static const size_t counts[] = {1, 5, 200};

	for (size_t i = 0; i < 3; i++) {
		int steps = count_sleeps(0, counts[i]);
		int sleeps = count_sleeps(SPL_WAKE_ALWAYS, counts[i]);
		CHECK(sleeps < 20 && sleeps < steps,
			"%u keys: it sleeps %d times, else %d",
			(unsigned)counts[i], sleeps, steps);
	}
}

/*
 * A waiter for keys that are absent, and an insert that dies: published, but
 * before it has counted that the structure changed, and nobody comes to repair
 * it. The look of every second finds the key.
 */
static void
an_insert_that_died_uncounted(void)
{
	bool published = false;

	for (int at = 0; at < 20 && !published; at++) {
		spl_store *s = unit_store(TEST_KIND, 8, 64);
		struct victim v = {.s = s, .kind = SPLI_INSERT, .steps = at};
		struct sleeper w = {.s = s, .count = 2};
		/* So that there is room for one more. */
		unit_set(s, "first", "");
		keys[0] = (struct spl_pollkey){VICTIM_KEY, 0, 0, 0};
		keys[1] = (struct spl_pollkey){"another", 0, 0, 0};
		pthread_create(&w.thread, NULL, sleep_on, &w);
		until_waiting(s, VICTIM_KEY);
		unit_board_clear();
		EXPECT(unit_run(victim_run, &v) < 0);
		published = unit_posted(VICTIM_PUBLISHED);
		if (!published)
			spl_cancel_waits(s, 1);
		pthread_join(w.thread, NULL);
		if (published)
			CHECK(w.rc == 1 && keys[0].revents == SPL_CREATED,
				"an insert that died before counting is seen");
		unit_drop(s);
	}
	CHECK(published, "one died in between");
}

static void
change_last(void *arg)
{
	unit_set(arg, names[99], "");
}

/*
 * However many of the keys have a time to live; and of those that nothing has
 * happened to, none is looked at for it.
 */
static void
asks_for_the_time_once(void)
{
	enum { COUNT = 100 };
	spl_store *s = unit_store(TEST_KIND, COUNT, 8);

	make_keys(s, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		spl_set_ttl(s, names[i], "", 0, 60000);
		keys[i].epoch = unit_epoch(s, names[i]);
	}
	/* The first look at each asks; and then the one that begins to wait. */
	hook_set(HOOK_clock_gettime, (struct hook){.skip = COUNT,
					     .times = UINT_MAX,
					     .after = change_last,
					     .arg = s});
	CHECK_RC(spl_wait_many(s, keys, COUNT, 30000), 1);
	unsigned asked = hook_end(HOOK_clock_gettime);
	CHECK(keys[COUNT - 1].revents == SPL_CHANGED && asked == 2,
		"%u keys with a time to live: the time is asked for %u times",
		COUNT, asked);
	unit_drop(s);
}

/* Sleeping until then, and looking then. */
static void
expiry_is_seen_at_once(void)
{
	spl_store *s = unit_store(TEST_KIND, 8, 8);
	struct spl_pollkey k[2] = {{"a", 0, 0, 0}, {"b", 0, 0, 0}};

	spl_set_ttl(s, "a", "", 0, 20);
	unit_set(s, "b", "");
	k[0].epoch = k[1].epoch = 2;
	hook_set(HOOK_clock_gettime, (struct hook){.times = UINT_MAX});
	CHECK_RC(spl_wait_many(s, k, 2, 30000), 1);
	unsigned asked = hook_end(HOOK_clock_gettime);
	CHECK(k[0].revents == SPL_EXPIRED && !k[1].revents && asked < 100,
		"expiry of one of two: the time is asked for %u times", asked);
	unit_drop(s);
}

void
test_poll(void)
{
	for (int i = 0; i < 2; i++)
		what_is_told(unit_kinds[i]);
	bad_arguments();
	asks_for_the_time_once();
	expiry_is_seen_at_once();
	CHECK(!any_number(0), "1 to %d keys", MANY);
	CHECK(!any_number(SPL_READ_ONLY), "through a read-only handle");
	on_other_kernels(ENOSYS);
	on_other_kernels(EPERM);
	who_is_woken_always_sleeps();
	an_insert_that_died_uncounted();
}
