/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c, store.c, wait.c, poll.c, writer.c - programs without descriptors 0
 * to 2 or without any to spare, file systems without nameless files, ends that
 * come just between two looks at the clock.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook.h"
#include "map.h"
#include "memory.h"
#include "refuse.h"
#include "ttl.h"
#include "unit.h"
#include "wait.h"
#include "writer.h"

static void
set_files(rlim_t most)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = most;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* In a child: a store takes none of the numbers that others write to. */
static void
without_standard_input(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s = NULL, *memfd = NULL;

	close(STDIN_FILENO);
	if (!EXPECT(spl_open(arg, &o, &s) == 0))
		return;
	EXPECT(spl_fd(s) > STDERR_FILENO && s->lock_fd > STDERR_FILENO);
	o.kind = SPL_MEMFD;
	EXPECT(spl_create("test", &o, &memfd) == 0);
	EXPECT(spl_fd(memfd) > STDERR_FILENO);
	EXPECT(unit_set(memfd, "k", "v") == 0 && unit_set(s, "k", "v") == 0);
	spl_close(memfd);
	spl_close(s);
	EXPECT(fcntl(STDIN_FILENO, F_GETFD) < 0);
	/* There is one left, and it is not one to keep. */
	set_files(3);
	o.kind = TEST_KIND;
	int rc = spl_open(arg, &o, &s);
	EXPECT(rc == -EINVAL || rc == -EMFILE);
	EXPECT(fcntl(STDIN_FILENO, F_GETFD) < 0);
}

/* The end of a child's child; a kill, which runs nothing at all. */
static void
end_well(bool well, spl_store *s)
{
	if (spl_close(s) || !well)
		_exit(1);
	raise(SIGKILL);
}

static bool
ended_well(pid_t child)
{
	int status;
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status);
}

/* In a child: forking without a descriptor for its own locks. */
static void
fork_without_descriptors(void *arg)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	struct rlimit limit;
	spl_store *s = NULL;

	if (!EXPECT(spl_open(arg, &o, &s) == 0))
		return;
	EXPECT(unit_set(s, "k", "parent") == 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	set_files(0);
	/* Two generations, neither of which gets one; then there is room. */
	pid_t child = fork();
	if (!child) {
		bool none = s->lock_fd < 0;
		pid_t grandchild = fork();
		if (!grandchild) {
			none = none && s->lock_fd < 0 &&
			       unit_set(s, "k", "x") == -EMFILE;
			unit_post(0, none ? 1 : 2);
			set_files(limit.rlim_cur);
			end_well(!unit_set(s, "k", "child"), s);
		}
		end_well(ended_well(grandchild), s);
	}
	EXPECT(ended_well(child) && unit_is(s, "k", "child"));
	spl_close(s);
}

static void
descriptors(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	void *name = (void *)(uintptr_t)unit_name_of(s);

	CHECK(!unit_run(without_standard_input, name),
		"0 to 2 are left to the program");
	unit_board_clear();
	int failed = unit_run(fork_without_descriptors, name);
	if (unit_posted(0) == 2 && getenv("LD_PRELOAD"))
		unit_skip("children without descriptors", "none are refused");
	else
		CHECK(!failed && unit_posted(0) == 1,
			"children without descriptors get theirs later");
	CHECK(spli_map_is_linked(-1), "what is not known counts as linked");
	unit_drop(s);
}

static int
create_file(const char *path)
{
	struct spl_options o = unit_options(SPL_FILE, 4, 8);
	spl_store *s = NULL;
	int rc = spl_create(path, &o, &s);

	spl_close(s);
	return rc;
}

/* How long a path may be with a name of its own in it, and one of ours. */
static void
too_long_for_a_temporary(void)
{
	char path[PATH_MAX] = {0};
	size_t len = 0;

	/* Many slashes are one. */
	len += unit_text(path, sizeof path, "%s", unit_dir());
	memset(path + len, '/', PATH_MAX - 10 - len);
	memcpy(path + PATH_MAX - 10, "s", 2);
	EXPECT(create_file(path) == -ENAMETOOLONG);
	/* Without a directory: in the current one. */
	EXPECT(chdir(unit_dir()) == 0 && create_file("s") == 0);
	EXPECT(spl_destroy("s", SPL_FILE) == 0);
}

static void
without_nameless_files(void *arg)
{
	char path[PATH_MAX];

	(void)arg;
	if (!refuse_nameless_files(EISDIR)) {
		unit_post(0, 1);
		return;
	}
	too_long_for_a_temporary();
	unit_text(path, sizeof path, "%s/s", unit_dir());
	hook_set(HOOK_getrandom, (struct hook){.error = ENOSYS});
	EXPECT(create_file(path) == -ENOSYS);
	hook_end(HOOK_getrandom);
	/* A temporary name that somebody has already stays his. */
	char taken[PATH_MAX];
	unit_text(taken, sizeof taken, "%s/.splinter-%016x", unit_dir(), 0);
	int fd = open(taken, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && !close(fd));
	hook_set(HOOK_getrandom, (struct hook){0});
	EXPECT(create_file(path) == -EEXIST);
	EXPECT(hook_end(HOOK_getrandom) == 1 && unlink(taken) == 0);
	EXPECT(create_file(path) == 0);
	EXPECT(spl_destroy(path, SPL_FILE) == 0);
}

static void
temporary_files(void)
{
	unit_board_clear();
	int failed = unit_run(without_nameless_files, NULL);
	if (unit_posted(0))
		unit_skip("without nameless files", "no seccomp");
	else
		CHECK(!failed, "without nameless files");
}

static void
make_it(void *name)
{
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	spl_store *s = NULL;

	EXPECT(spl_create(name, &o, &s) == 0);
	spl_close(s);
}

static void
remove_it(void *name)
{
	EXPECT(spl_destroy(name, TEST_KIND) == 0);
}

static void
arguments(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8), *other = NULL;
	struct spl_options o = unit_options(TEST_KIND, 4, 8);
	const char *name = unit_name();
	spl_ref *ref;

	o.mode = 01600;
	CHECK_RC(spl_create(name, &o, &other), -EINVAL);
	o.mode = 0600;
	unit_set(s, "k", "value");
	char buf[8];
	CHECK(!spl_ref_open(s, "k", &ref) &&
			!spl_ref_get(ref, buf, sizeof buf, NULL) &&
			!memcmp(buf, "value", 5),
		"a reference's value without its length");
	spl_ref_close(ref);
	/* Somebody makes it and removes it, each time just before our turn. */
	hook_set(HOOK_lstat, (struct hook){.before = make_it,
				     .after = remove_it,
				     .arg = (void *)(uintptr_t)name,
				     .times = UINT_MAX});
	CHECK_RC(spl_open_or_create(name, &o, &other), -EEXIST);
	CHECK(hook_end(HOOK_lstat) == 50, "100 tries, each second to create");
	CHECK_RC(spl_open(name, &o, &other), -ENOENT);
	unit_drop(s);
}

/* Ends that are over when they are looked at. */
static void
clocks(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	uint64_t now = spli_now_ns(), time = spli_time_ns(s);

	CHECK(spli_expiry_ns(s, 0, now) == UINT64_MAX, "no end");
	CHECK(spli_expiry_ns(s, 1, now) == now, "an end that is over");
	CHECK(spli_expiry_ns(s, UINT64_MAX, UINT64_MAX / 2 + time + 1) ==
			UINT64_MAX,
		"one later than any clock");
	CHECK(spli_ttl_left(s, 1) == 0, "nothing is left of what is over");
	CHECK(spli_ttl_left(s, UINT64_MAX) > 0, "much of what is not");
	unit_drop(s);
}

static void
cancelled_waits(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);

	CHECK_RC(spl_cancel_waits(s, 0), 0);
	CHECK(!(spli_load(&s->cancelled) & 1) &&
			spl_wait(s, "k", 0, 1, NULL) == -ETIMEDOUT,
		"ending what was not begun changes nothing");
	CHECK_RC(spl_cancel_waits(s, 1), 0);
	CHECK_RC(spl_cancel_waits(s, 1), 0);
	CHECK_RC(spl_wait(s, "k", 0, 1, NULL), -ECANCELED);
	CHECK_RC(spl_cancel_waits(s, 0), 0);
	CHECK_RC(spl_wait(s, "k", 0, 1, NULL), -ETIMEDOUT);
	unit_drop(s);
}

static void
end_wait(void *store)
{
	__atomic_store_n(&((spl_store *)store)->waits, 0, __ATOMIC_RELEASE);
}

/* A wait that is slow to notice: closing yields a while, and then sleeps. */
static void
closing_waits(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8), *again = unit_again(s, 0);

	again->waits = 1;
	hook_set(HOOK_nanosleep,
		(struct hook){.before = end_wait, .arg = again});
	CHECK_RC(spl_close(again), 0);
	CHECK(hook_end(HOOK_nanosleep) == 1, "closing waits for waits to end");
	unit_drop(s);
}

/* Several keys that end, the later one first; one of them at once. */
static void
ends_of_many(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_pollkey keys[] = {
		{"late", 0, 0, 0}, {"soon", 0, 0, 0}, {"never", 0, 0, 0}};

	spl_set_ttl(s, "late", "", 0, 3600000);
	unit_set(s, "never", "");
	for (int i = 0; i < 3; i++) {
		unit_set(s, "soon", "");
		/* One more than now: it may be over before one has looked. */
		keys[1].epoch = unit_epoch(s, "soon") + 2;
		spl_expire(s, "soon", 20);
		keys[0].epoch = unit_epoch(s, "late");
		keys[2].epoch = unit_epoch(s, "never");
		int rc = spl_wait_many(s, keys, 3, UINT64_MAX);
		CHECK(rc == 1 && keys[1].revents == SPL_EXPIRED,
			"the one that ends soon");
	}
	unit_drop(s);
}

/* In a child: insert the key that somebody waits for. */
static void
set_waited(void *arg)
{
	spl_store *s = arg;

	/* Until he is asleep; on the feed where there is no futex_waitv. */
	while (!((spli_load(&s->header->structure_waiters) |
			 spli_load(&s->feed->waiters)) &
		 1))
		unit_moment();
	EXPECT(unit_set(s, "k", "v") == 0);
}

static void
broken_while_waiting(void)
{
	spl_store *s = unit_store(TEST_KIND, 4, 8);
	struct spl_pollkey keys[] = {{"k", 0, 0, 0}, {"l", 0, 0, 0}};

	struct unit_child c = unit_fork(set_waited, s);
	/* The first two looks, one at each key; the next after the wake. */
	hook_set(HOOK_spli_table_find,
		(struct hook){.skip = 2, .error = EBADMSG});
	CHECK_RC(spl_wait_many(s, keys, 2, UINT64_MAX), -EBADMSG);
	CHECK(hook_end(HOOK_spli_table_find) == 1 && !unit_join(&c),
		"what is damaged ends the wait");
	struct spl_pollkey others[] = {{"m", 0, 0, 0}, {"n", 0, 0, 0}};
	/* At its end one is found at no look: nothing is known of it. */
	hook_set(HOOK_spli_table_find,
		(struct hook){.skip = 2, .error = EAGAIN});
	CHECK_RC(spl_wait_many(s, others, 2, 1), 0);
	CHECK(hook_end(HOOK_spli_table_find) == 1, "which is no failure");
	unit_drop(s);
}

/* Two keys of one hash, as nobody has found any yet. */
static void
equal_hashes(void)
{
	struct spli_memory m;

	CHECK_RC(spli_memory_start(&m), 0);
	struct spli_known *a = spli_memory_add(&m, "a", 7, 0);
	struct spli_known *b = spli_memory_add(&m, "b", 7, 1);
	CHECK(spli_memory_find(&m, "a", 7) == a &&
			spli_memory_find(&m, "b", 7) == b &&
			!spli_memory_find(&m, "c", 7),
		"two keys of one hash are two");
	spli_memory_free(&m);
}

void
test_edges(void)
{
	descriptors();
	temporary_files();
	arguments();
	clocks();
	cancelled_waits();
	closing_waits();
	ends_of_many();
	broken_while_waiting();
	equal_hashes();
}
