/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - children that end with the process that made them, or after a
 * minute, and how they ended.
 */
#ifndef CHILD_H
#define CHILD_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS = 60, CHILD_HUNG = 124, DIED = 1000 };

static inline void
child_hangs(int number)
{
	(void)number;
	_exit(CHILD_HUNG);
}

/*
 * As fork(2). The alarm has a handler, as the first process of a PID namespace
 * is not ended by a signal that has none.
 */
static inline pid_t
child_start(void)
{
	fflush(stdout);
	pid_t parent = getpid(), pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It may have ended before. 0: it is of another PID
		 * namespace. */
		if (getppid() != parent && getppid())
			_exit(CHILD_HUNG);
		signal(SIGALRM, child_hangs);
		alarm(CHILD_SECONDS);
	}
	return pid;
}

/* 0 to 255, how it ended; DIED and the signal otherwise. */
static inline int
end_of(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? DIED + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

#endif
