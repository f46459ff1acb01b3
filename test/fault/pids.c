/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process numbers say nothing: who owns a writer entry is what the kernel's
 * lock says. A dead owner whose number another process has is repaired all the
 * same; and processes of different PID namespaces, all of them number 1, share
 * a store and do not take one another for dead, or for themselves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit.h"
#include "child.h"
#include "spl.h"
#include "tap.h"
#include "tidy.h"
#include "writer.h"

TAP_MAIN

enum { WRONG = 1, SKIPPED = 77, WHERE = 100 }; /* exit: WHERE + what failed */

static char name[64];
static int *board; /* shared: what has happened */
enum { OWNED, IMPOSTOR, GO, WRITTEN, SECOND_GO, GONE };

static void
post(int what)
{
	__atomic_store_n(&board[what], 1, __ATOMIC_RELEASE);
}

static bool
posted(int what)
{
	return __atomic_load_n(&board[what], __ATOMIC_ACQUIRE);
}

/* In a child, which ends when who could post it is gone. */
static void
await(int what)
{
	while (!posted(what)) {
		if (posted(GONE) && !posted(what))
			_exit(WHERE);
		sched_yield();
	}
}

/* Dies with an entry, its lease and the claim. */
static void
own_and_die(void)
{
	struct spli_lease lease;
	spl_store *s;

	if (!spl_open(name, NULL, &s) && !spl_set(s, "k", "v", 1) &&
		!spli_lease_take(s, &lease) && !spli_claim_take(&lease))
		post(OWNED);
	raise(SIGKILL);
}

/* The next process of this namespace gets the number after @last. */
static bool
next_number(pid_t last)
{
	char text[16];
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof text, "%d", (int)last);
	bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
is_listed(spl_store *s, pid_t pid)
{
	struct spl_writer_stat stats[SPL_DEFAULT_WRITERS];
	int n = spl_writers(s, stats, SPL_DEFAULT_WRITERS);

	for (int i = 0; i < n; i++)
		if (stats[i].pid == pid)
			return true;
	return false;
}

/* Lives under the dead one's number; and writes, when it is @to_write. */
static void
live_as(bool to_write)
{
	spl_store *s;

	if (to_write && (spl_open(name, NULL, &s) || spl_set(s, "l", "v", 1))) {
		post(GONE);
		_exit(WRONG);
	}
	post(IMPOSTOR);
	for (;;)
		pause();
}

/*
 * In a PID namespace of its own, as its first process.
 * @before: a handle that was opened before the death
 */
static int
reuse(bool before, bool impostor_writes)
{
	struct spl_store_stat info;
	spl_store *s = NULL;

	if (before && spl_open(name, NULL, &s))
		return WRONG;
	pid_t dead = child_start();
	if (!dead)
		own_and_die();
	if (end_of(dead) != DIED + SIGKILL || !posted(OWNED))
		return WRONG;
	if (!next_number(dead - 1))
		return SKIPPED;
	pid_t impostor = child_start();
	if (!impostor)
		live_as(impostor_writes);
	if (impostor != dead)
		return SKIPPED; /* somebody was faster */
	await(IMPOSTOR);
	if (!before && spl_open(name, NULL, &s))
		return WHERE + 1;
	/* The claim is the dead one's: it has to be taken from him. */
	if (spl_set(s, "new", "v", 1) || spl_unset(s, "k") != 1)
		return WHERE + 2;
	if (is_listed(s, dead) != impostor_writes)
		return WHERE + 3;
	if (spl_store_info(s, &info) || info.repairs != 1 ||
		info.writers_owned != 1u + impostor_writes)
		return WHERE + 4;
	kill(impostor, SIGKILL);
	end_of(impostor);
	if (audit(s) || spl_close(s))
		return WHERE + 5;
	return 0;
}

static bool
fresh(void)
{
	spl_store *s;

	memset(board, 0, 4096);
	spl_destroy(name, SPL_MEMORY);
	return !spl_create(name, NULL, &s) && !spl_close(s);
}

static void
told(int end, const char *what)
{
	if (end == SKIPPED)
		CHECK(1, "%s # SKIP no PID namespace, or no choice of number",
			what);
	else
		CHECK(end == 0, "%s", what);
	if (end && end != SKIPPED)
		printf("# its end: %d\n", end);
}

/* In the first process of a new PID namespace. */
static int
in_namespace(int (*body)(void *), void *arg)
{
	pid_t outer = child_start();
	if (!outer) {
		if (unshare(CLONE_NEWPID))
			_exit(SKIPPED);
		pid_t first = child_start();
		if (!first)
			_exit(body(arg));
		int end = first < 0 ? SKIPPED : end_of(first);
		_exit(end < DIED ? end : WRONG);
	}
	int end = end_of(outer);
	post(GONE);
	return end;
}

static int
reuse_body(void *arg)
{
	const bool *how = arg;

	return reuse(how[0], how[1]);
}

static void
reuses(void)
{
	for (int i = 0; i < 4; i++) {
		bool how[] = {i & 1, i & 2};
		REQUIRE(fresh(), "a fresh store");
		told(in_namespace(reuse_body, how),
			i == 0	 ? "a dead owner's number is taken: repaired"
			: i == 1 ? "the same, by a handle from before"
			: i == 2 ? "the same, and who took it writes"
				 : "the same, by a handle from before");
	}
}

/*
 * Two processes, each number 1 of its namespace.
 */
static int
first_and_killed(void *arg)
{
	struct spli_lease lease;
	spl_store *s;

	(void)arg;
	if (getpid() != 1)
		return SKIPPED;
	if (spl_open(name, NULL, &s) || spl_set(s, "a", "v", 1))
		return WRONG;
	post(OWNED);
	await(WRITTEN);
	/* Both have one, both are called 1. */
	struct spl_writer_stat stats[4];
	if (spl_writers(s, stats, 4) != 2 || stats[0].pid != 1 ||
		stats[1].pid != 1 || stats[0].entry == stats[1].entry)
		return WHERE + 1;
	if (spl_set(s, "a", "w", 1) || spli_lease_take(s, &lease) ||
		spli_claim_take(&lease))
		return WHERE + 2;
	post(GO);
	/* Killed here, by whom the kernel lets: not by itself, being first. */
	await(SECOND_GO);
	_exit(0);
}

static int
second_and_living(void *arg)
{
	struct spl_store_stat info;
	spl_store *s;

	(void)arg;
	if (getpid() != 1)
		return SKIPPED;
	await(OWNED);
	if (spl_open(name, NULL, &s) || spl_set(s, "b", "v", 1))
		return WRONG;
	post(WRITTEN);
	await(GO);
	/* He lives, with the claim: not to be taken from him. */
	if (spl_set(s, "b", "w", 1) || spl_set(s, "new", "v", 1) != -EAGAIN)
		return WHERE + 1;
	if (spl_store_info(s, &info) || info.repairs)
		return WHERE + 2;
	post(SECOND_GO);
	/* He ends; once he has, it is. */
	int rc;
	do
		rc = spl_set(s, "new", "v", 1);
	while (rc == -EAGAIN);
	if (rc || spl_store_info(s, &info) || info.repairs != 1)
		return WHERE + 3;
	return audit(s) || spl_close(s) ? WHERE + 4 : 0;
}

static void
two_namespaces(void)
{
	REQUIRE(fresh(), "a fresh store");
	pid_t pid = child_start();
	if (!pid) {
		int end = in_namespace(first_and_killed, NULL);
		_exit(end < DIED ? end : WRONG);
	}
	int second = in_namespace(second_and_living, NULL);
	int first = end_of(pid);
	told(first ? first : second,
		"two processes 1 share a store; the living one keeps the claim "
		"until it ends");
}

int
main(void)
{
	char path[128];

	tap_start(300);
	snprintf(name, sizeof name, "splinter-pids-%d", (int)getpid());
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	tidy_name(path);
	board = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(board != MAP_FAILED, "has a board");
	if (geteuid()) {
		CHECK(1, "process numbers # SKIP wants to be root");
		return tap_end();
	}
	reuses();
	two_namespaces();
	spl_destroy(name, SPL_MEMORY);
	return tap_end();
}
