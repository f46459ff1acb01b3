/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

static sigset_t watched;
static int first, count;

/* One that is ignored (nohup, a shell's background) stays ignored. */
static bool
ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) &&
	       action.sa_handler == SIG_IGN;
}

void
signals_block(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	sigemptyset(&watched);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (!ignored(ends[i]))
			sigaddset(&watched, ends[i]);
	/* Ignored, children would vanish instead of waiting to be reaped. */
	signal(SIGCHLD, SIG_DFL);
	sigaddset(&watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	/* A full disk or a reader that has gone is an error to be told. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static struct timespec
time_left(uint64_t until_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	uint64_t left = until_ns > ns ? until_ns - ns : 0;
	return (struct timespec){
		.tv_sec = (time_t)(left / 1000000000),
		.tv_nsec = (long)(left % 1000000000),
	};
}

int
signals_wait(uint64_t until_ns)
{
	struct timespec left = time_left(until_ns);
	int number = sigtimedwait(&watched, NULL, &left);

	if (number > 0 && number != SIGCHLD) {
		first = first ? first : number;
		count++;
	}
	return first;
}

int
signals_count(void)
{
	signals_wait(0);
	return count;
}

void
signals_die(int number)
{
	sigset_t set;

	signal(number, SIG_DFL);
	raise(number);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
