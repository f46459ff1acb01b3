/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tidy.h - names that a program takes away when it ends, however it ends: by
 * itself, by Ctrl-C, by its watchdog. A directory goes with the files in it.
 * Its children leave them alone.
 */
#ifndef TIDY_H
#define TIDY_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIDY_NAMES = 8 };

static char tidy_names[TIDY_NAMES][PATH_MAX];
static pid_t tidy_owner;
/* A child that makes names, or 0: it ends before they are taken away. */
static volatile pid_t tidy_child;

/* Without opendir(3), which a handler of signals must not call. */
static inline void
tidy_empty(const char *path)
{
	_Alignas(struct dirent) char entries[4096];
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long len;

	while (dir >= 0 && (len = syscall(SYS_getdents64, dir, entries,
				    sizeof entries)) > 0)
		for (long at = 0; at < len;) {
			const struct dirent *entry =
				(const void *)(entries + at);
			unlinkat(dir, entry->d_name, 0);
			at += entry->d_reclen;
		}
	close(dir);
}

/* The latest first: a directory was named before what is in it. */
static inline void
tidy_up(void)
{
	int status;

	if (getpid() != tidy_owner)
		return;
	if (tidy_child)
		kill(tidy_child, SIGKILL);
	/* A traced one may have stopped before. */
	while (tidy_child && waitpid(tidy_child, &status, 0) > 0 &&
		WIFSTOPPED(status))
		;
	for (int i = TIDY_NAMES; i-- > 0;)
		if (*tidy_names[i] && remove(tidy_names[i]) &&
			(errno == ENOTEMPTY || errno == EEXIST)) {
			tidy_empty(tidy_names[i]);
			remove(tidy_names[i]);
		}
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
