/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storm of signals, 5,000 a second, while one calls whatever there is: no
 * call fails with EINTR, or in any other way, with and without SA_RESTART.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "spl.h"
#include "tap.h"
#include "tidy.h"

TAP_MAIN

static char directory[64], names[2][96];
static volatile sig_atomic_t caught;
static unsigned wrong;

static void
count(int number)
{
	(void)number;
	caught++;
}

static void
want(int64_t got, int64_t wanted, const char *what)
{
	if (got == wanted)
		return;
	if (!wrong++)
		printf("# %s gives %lld\n", what, (long long)got);
}

#define WANT(call, wanted) want((call), (wanted), #call)

static struct spl_options
options(uint32_t kind)
{
	struct spl_options o;

	spl_options_init(&o);
	o.kind = kind;
	o.slots = 64;
	o.max_value = 65536;
	o.writers = 8;
	return o;
}

static void
keys(spl_store *s)
{
	static char value[65536], got[65536];
	struct spl_key_stat stat;
	struct spl_peek peek;
	spl_list *list;
	char key[8];

	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "%d", i);
		WANT(spl_set(s, key, value, sizeof value), 0);
		WANT(spl_get(s, key, got, sizeof got, NULL), 0);
		WANT(spl_append(s, key, "", 0, NULL), 0);
		WANT(spl_add(s, "sum", 1, NULL), 0);
		WANT(spl_peek_begin(s, key, &peek), 0);
		WANT(spl_peek_stable(s, &peek), 0);
	}
	WANT(spl_set_ttl(s, "ttl", "x", 1, 600000), 0);
	WANT(spl_reclaim(s), 0);
	WANT(spl_list_begin(s, NULL, "^1", &list), 0);
	while (spl_list_next(list, &stat) == 1)
		;
	spl_list_end(list);
	WANT(spl_set_auto_vacuum(s, 0, NULL), 0);
	WANT(spl_set_auto_vacuum(s, 1, NULL), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "%d", i);
		WANT(spl_unset(s, key), sizeof value);
	}
}

static void
waits(spl_store *s)
{
	struct spl_pollkey two[2] = {{.key = "absent"}, {.key = "too"}};
	struct spl_event events[4];
	spl_feed *f = NULL;

	WANT(spl_wait(s, "absent", 0, 2, NULL), -ETIMEDOUT);
	WANT(spl_wait_many(s, two, 2, 2), 0);
	WANT(spl_feed_open(s, NULL, &f), 0);
	WANT(spl_feed_read(f, events, 4, 2), 0);
	int fd = spl_feed_fd(f);
	WANT(fd >= 0, 1);
	WANT(spl_set(s, "k", "v", 1), 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	WANT(spl_feed_read(f, events, 4, 0), 1);
	spl_feed_close(f);
	WANT(spl_unset(s, "k"), 1);
	WANT(spl_cancel_waits(s, 1), 0);
	WANT(spl_wait(s, "absent", 0, 1000, NULL), -ECANCELED);
	WANT(spl_cancel_waits(s, 0), 0);
}

/* A child that has no timer, but the parent's handles. */
static void
forks(spl_store *s)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(spl_set(s, "child", "x", 1) || spl_close(s));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	WANT(status, 0);
}

static void
everything(uint32_t kind)
{
	struct spl_options o = options(kind);
	spl_store *s = NULL, *again = NULL;
	const char *name = kind == SPL_MEMFD ? "storm" : names[kind];

	WANT(spl_create(name, &o, &s), 0);
	if (!s)
		return;
	if (kind == SPL_MEMFD)
		WANT(spl_open_fd(spl_fd(s), NULL, &again), 0);
	else
		WANT(spl_open(name, &o, &again), 0);
	keys(s);
	waits(s);
	forks(s);
	if (again)
		WANT(spl_set(again, "k", "v", 1), 0);
	WANT(spl_close(again), 0);
	WANT(audit(s), 0);
	WANT(spl_close(s), 0);
	if (kind != SPL_MEMFD)
		WANT(spl_destroy(name, kind), 0);
}

static void
storm(int flags, long signals)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = flags};
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec often = {{0, 200000}, {0, 200000}},
			  never = {{0, 0}, {0, 0}};
	unsigned rounds = 0;
	timer_t timer;

	caught = 0;
	wrong = 0;
	sigaction(SIGUSR1, &action, NULL);
	REQUIRE(!timer_create(CLOCK_MONOTONIC, &event, &timer), "has a timer");
	timer_settime(timer, 0, &often, NULL);
	while (caught < signals && !wrong) {
		everything(rounds % 3);
		rounds++;
	}
	timer_settime(timer, 0, &never, NULL);
	timer_delete(timer);
	CHECK(!wrong, "every call does its work under signals%s",
		flags ? ", restarting" : "");
	printf("# %d signals in %u rounds\n", (int)caught, rounds);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char memory[128];

	tap_start(300);
	snprintf(directory, sizeof directory, "%s/splinter-signals-XXXXXX",
		tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	REQUIRE(mkdtemp(directory), "has a directory");
	tidy_name(directory);
	snprintf(names[0], sizeof names[0], "splinter-signals-%d",
		(int)getpid());
	snprintf(names[1], sizeof names[1], "%s/store", directory);
	snprintf(memory, sizeof memory, "/dev/shm/%s", names[0]);
	tidy_name(memory);
	storm(0, (long)tap_scale(2000, 300));
	storm(SA_RESTART, (long)tap_scale(2000, 300));
	return tap_end();
}
