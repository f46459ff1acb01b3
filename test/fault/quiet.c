/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets and sets of existing keys make no system call: they are done under a
 * seccomp filter, where the first one kills. Nor do they when somebody waits,
 * for other keys; nor with a time to live, where the kernel lets processes
 * read its clock by themselves.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "spl.h"
#include "tap.h"
#include "tidy.h"

TAP_MAIN

enum {
	WRONG = 1, /* exit status: a call failed */
	CALLS = 10, /* of a round of work() */
	TTL_MS = 600000
};

static char name[64];
static unsigned long times;

/*
 * From now on every system call kills, but for exit(2), which the C library's
 * _exit() is not. (Strict mode would take the time stamp counter away, too, and
 * with it the clock.)
 */
static int
hush(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof code / sizeof *code, code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static void
leave(int status)
{
	syscall(SYS_exit, status);
}

/* Sets, gets and references, every one of them right. */
static int
work(spl_store *s, spl_ref *ref)
{
	char value[32] = "0123456789012345678901234567890", got[32];
	struct spl_key_stat stat;
	size_t len;
	int wrong = 0;

	for (unsigned long i = 0; i < times; i++) {
		value[i % 31] = (char)('a' + i % 26);
		wrong |= spl_set(s, "key", value, sizeof value);
		wrong |= spl_get(s, "key", got, sizeof got, &len);
		wrong |= memcmp(got, value, sizeof got);
		wrong |= spl_ref_set(ref, value, sizeof value);
		wrong |= spl_ref_get(ref, got, sizeof got, &len);
		wrong |= spl_add(s, "number", 1, NULL);
		wrong |= spl_get(s, "absent", got, sizeof got, &len) != -2;
		wrong |= spl_wait(s, "key", 2, 1000, NULL);
		wrong |= spl_read(s, "key", got, sizeof got, &stat);
		wrong |= spl_set_if(
			s, "key", value, sizeof value, stat.epoch, &stat.epoch);
		wrong |= spl_stat(s, "key", &stat);
	}
	return wrong != 0;
}

/* The same on a key with a time to live, which takes a look at the clock. */
static int
work_ttl(spl_store *s, spl_ref *ref)
{
	char value[32] = "0123456789012345678901234567890", got[32];
	struct spl_key_stat stat;
	size_t len;
	int wrong = 0;

	for (unsigned long i = 0; i < times; i++) {
		value[i % 31] = (char)('a' + i % 26);
		wrong |= spl_set_ttl(s, "key", value, sizeof value, TTL_MS);
		wrong |= spl_get(s, "key", got, sizeof got, &len);
		wrong |= memcmp(got, value, sizeof got);
		wrong |= spl_ref_get(ref, got, sizeof got, &len);
		wrong |= spl_read(s, "key", got, sizeof got, &stat);
		wrong |= stat.ttl_ms > TTL_MS;
		wrong |= spl_expire(s, "key", TTL_MS);
		wrong |= spl_append(s, "key", "", 0, NULL);
		wrong |= spl_wait(s, "key", 2, 1000, NULL);
		wrong |= spl_stat(s, "key", &stat);
	}
	return wrong != 0;
}

typedef int work_fn(spl_store *s, spl_ref *ref);

static int
child(work_fn *does, int on)
{
	spl_store *s;
	spl_ref *ref;

	if (spl_open(name, NULL, &s) || spl_ref_open(s, "key", &ref) ||
		spl_set_auto_vacuum(s, on, NULL) || does(s, ref))
		return WRONG;
	if (hush())
		return WRONG;
	leave(does(s, ref));
	return WRONG;
}

/* Whether a system call is noticed at all. */
static bool
hushed(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		leave(hush() ? WRONG : (int)syscall(SYS_getppid));
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* Whether a process does it without a system call. */
static bool
quiet(work_fn *does, int on)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(child(does, on));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether CLOCK_BOOTTIME can be read without a system call here. */
static bool
clock_quiet(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		struct timespec now;
		clock_gettime(CLOCK_BOOTTIME, &now);
		if (hush())
			_exit(WRONG);
		leave(clock_gettime(CLOCK_BOOTTIME, &now));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
tell(bool ok, int on, const char *when)
{
	CHECK(ok, "%lu gets and sets without a system call, auto-vacuum %s%s",
		CALLS * times, on ? "on" : "off", when);
}

/* Waits for "other" alone, or with "another". Ends with its store. */
static int
waiter(unsigned count)
{
	struct spl_pollkey keys[2] = {{.key = "other"}, {.key = "another"}};
	struct spl_key_stat stat;
	spl_store *s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (spl_open(name, NULL, &s))
		return WRONG;
	for (unsigned i = 0; i < 2; i++)
		keys[i].epoch =
			spl_stat(s, keys[i].key, &stat) ? 0 : stat.epoch;
	if (count == 1)
		return spl_wait(s, "other", keys[0].epoch, UINT64_MAX, NULL);
	return spl_wait_many(s, keys, count, UINT64_MAX) != 1;
}

/* Beside a process that waits for other keys. */
static void
beside_waiter(spl_store *s, unsigned count, const char *when)
{
	struct spl_key_stat stat = {0};
	int status = -1;
	pid_t pid;

	/* Its set is what makes the flag even again. */
	bool ok = !spl_set(s, "other", "", 0) && !spl_set(s, "another", "", 0);
	pid = fork();
	if (!pid)
		_exit(waiter(count));
	/* The flag says that it is about to sleep, or asleep. */
	while (!stat.waited && !waitpid(pid, &status, WNOHANG)) {
		sched_yield();
		ok = ok &&
		     !spl_stat(s, count == 1 ? "other" : "another", &stat);
	}
	CHECK(ok && stat.waited, "somebody waits%s", when);
	for (int on = 0; on <= 1; on++)
		tell(quiet(work, on), on, when);
	/* Still there, until its key is set. */
	CHECK(!waitpid(pid, &status, WNOHANG), "who is not disturbed by it");
	spl_set(s, "other", "now", 3);
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status),
		"but woken by his own");
}

int
main(void)
{
	char path[128];
	spl_store *s;

	times = tap_scale(100000, 1000);
	tap_start(300);
	snprintf(name, sizeof name, "splinter-quiet-test-%d", (int)getpid());
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	tidy_name(path);
	REQUIRE(!spl_create(name, NULL, &s), "creates a store");
	REQUIRE(!spl_set(s, "key", "", 0), "sets a key");
	CHECK(hushed(), "a system call is noticed");
	/* TSan makes system calls of its own. */
	for (int on = 0; on <= 1 && !SPLI_TSAN; on++)
		tell(quiet(work, on), on, "");
	if (!SPLI_TSAN) {
		beside_waiter(s, 1, " beside a wait for another key");
		beside_waiter(s, 2, " beside a wait for two other keys");
	}
	for (int on = 0; on <= 1 && !SPLI_TSAN; on++) {
		if (clock_quiet())
			tell(quiet(work_ttl, on), on, ", with times to live");
		else
			CHECK(1, "times to live # SKIP the clock is no vdso's");
	}
	if (SPLI_TSAN)
		CHECK(1, "no system call # SKIP under TSan");
	spl_close(s);
	CHECK(!spl_destroy(name, SPL_MEMORY), "goes without a trace");
	return tap_end();
}
