/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tidy.h - names that a program takes away when it ends, however it ends: by
 * itself, by Ctrl-C, by its watchdog. Its children leave them alone.
 */
#ifndef TIDY_H
#define TIDY_H

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { TIDY_NAMES = 8 };

static char tidy_names[TIDY_NAMES][PATH_MAX];
static pid_t tidy_owner;

/* The latest first: a directory was named before what is in it. */
static inline void
tidy_up(void)
{
	if (getpid() != tidy_owner)
		return;
	for (int i = TIDY_NAMES; i-- > 0;)
		if (*tidy_names[i])
			remove(tidy_names[i]);
}

static inline void
tidy_and_die(int signal_number)
{
	tidy_up();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* From now on @path is taken away at the end. */
static inline void
tidy_name(const char *path)
{
	static const int fatal[] = {
		SIGALRM, SIGABRT, SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	int i = 0;

	if (!tidy_owner) {
		tidy_owner = getpid();
		atexit(tidy_up);
		for (size_t j = 0; j < sizeof fatal / sizeof *fatal; j++)
			signal(fatal[j], tidy_and_die);
	}
	while (*tidy_names[i])
		if (++i == TIDY_NAMES)
			abort();
	snprintf(tidy_names[i], sizeof tidy_names[i], "%s", path);
}

#endif
