/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "crew.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"
#include "stamp.h"

/* Longer than any call may wait, also on a busy machine. */
enum { PATIENCE_S = 20 };

static void *
thread_main(void *arg)
{
	work(arg);
	return NULL;
}

/*
 * Every second process opens the store anew, readers without permission to
 * write; the others use the handle that they inherited. Not by name, which
 * may be another's by now.
 */
static bool
open_own(struct worker *w)
{
	struct spl_options o;

	if (w->index % 2 == 0)
		return true;
	spl_options_init(&o);
	o.flags = w->writes ? 0 : SPL_READ_ONLY;
	int rc = spl_open_fd(spl_fd(w->store), &o, &w->store);
	if (rc)
		share_error(w->share,
			"a %s cannot open the store: %s: try again without "
			"--procs and --kill",
			w->role, strerror(-rc));
	return !rc;
}

/* Dies with its parent, however that dies; signals stay blocked. */
static _Noreturn void
process_main(struct worker *w, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(EXIT_FAILED);
	if (open_own(w))
		work(w);
	_exit(EXIT_DONE);
}

static void
start(struct crew *crew, struct member *m)
{
	struct worker *w = &m->worker;
	pid_t parent = getpid();
	int rc;

	w->random = work_random(&crew->random);
	m->pid = 0;
	if (plan_processes(crew->plan, w->writes)) {
		m->pid = fork();
		if (m->pid == 0)
			process_main(w, parent);
		rc = m->pid < 0 ? errno : 0;
	} else {
		rc = pthread_create(&m->thread, NULL, thread_main, w);
	}
	m->lives = !rc;
	if (rc)
		share_error(crew->share,
			"cannot start %s %" PRIu32 ": %s: give fewer "
			"--threads or --writers, or raise 'ulimit -u'",
			w->role, w->index, strerror(rc));
}

static struct worker
worker_of(const struct crew *crew, uint64_t i)
{
	uint64_t readers = crew->plan->readers;
	bool writes = i >= readers;
	bool switches = i >= readers + crew->plan->writers;

	return (struct worker){
		.plan = crew->plan,
		.store = crew->store,
		.share = crew->share,
		.tally = &crew->share->tallies[i],
		.role = switches ? "switcher"
			: writes ? "writer"
				 : "reader",
		.writes = writes,
		.switches = switches,
		.index = (uint32_t)(switches ? 0
				    : writes ? i - readers
					     : i),
	};
}

void
crew_start(struct crew *crew, const struct plan *plan, spl_store *store,
	struct share *share)
{
	*crew = (struct crew){
		.plan = plan,
		.store = store,
		.share = share,
		.count = plan_workers(plan),
		.random = stamp_mix(~plan->seed),
	};
	crew->members = calloc(crew->count, sizeof *crew->members);
	if (!crew->members) {
		crew->count = 0;
		share_error(share, "no memory: give fewer --threads");
	}
	/* Processes first: the fewer threads at a fork, the better. */
	for (int threads = 0; threads <= 1; threads++)
		for (uint64_t i = 0; i < crew->count; i++) {
			struct member *m = &crew->members[i];
			bool writes = i >= plan->readers;
			if (plan_processes(plan, writes) == threads ||
				share_stopped(share))
				continue;
			m->worker = worker_of(crew, i);
			start(crew, m);
		}
	crew->begun_ns = work_now_ns();
	share_open_gate(share, crew->begun_ns);
}

/*
 * A process that is gone, as it should be or by a failure. Whether it was
 * our SIGKILL.
 */
static bool
bury(struct crew *crew, struct member *m, int status, bool killed)
{
	const struct worker *w = &m->worker;

	m->lives = false;
	if (WIFSIGNALED(status) && killed && WTERMSIG(status) == SIGKILL)
		return true;
	if (WIFSIGNALED(status))
		share_fail(crew->share, "%s %" PRIu32 " died of signal %d, %s",
			w->role, w->index, WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		share_fail(crew->share, "%s %" PRIu32 " ended with status %d",
			w->role, w->index, WEXITSTATUS(status));
	return false;
}

static struct member *
member_find(const struct crew *crew, pid_t pid)
{
	for (uint64_t i = 0; i < crew->count; i++)
		if (crew->members[i].lives && crew->members[i].pid == pid)
			return &crew->members[i];
	return NULL; /* not started by us: inherited from a shell's exec */
}

void
crew_reap(struct crew *crew)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct member *m = member_find(crew, pid);
		if (m)
			bury(crew, m, status, false);
	}
}

/* After a SIGKILL. Whether that was what he died of. */
static bool
reap_killed(struct crew *crew, struct member *m)
{
	int status = 0;

	while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
		;
	return bury(crew, m, status, true);
}

void
crew_replace_one(struct crew *crew)
{
	const struct plan *plan = crew->plan;
	uint64_t victim = work_random(&crew->random) %
			  (plan->writers + plan->toggle_vacuum);
	struct member *m = &crew->members[plan->readers + victim];

	if (m->lives) {
		kill(m->pid, SIGKILL);
		crew->kills += reap_killed(crew, m);
	}
	start(crew, m);
}

static bool
any_process(const struct crew *crew)
{
	for (uint64_t i = 0; i < crew->count; i++)
		if (crew->members[i].lives && crew->members[i].pid)
			return true;
	return false;
}

static void
stop_processes(struct crew *crew)
{
	uint64_t deadline = work_now_ns() + PATIENCE_S * UINT64_C(1000000000);

	crew_reap(crew);
	while (any_process(crew) && work_now_ns() < deadline) {
		/* A child's end wakes it; but only one for several ends. */
		signals_wait(work_now_ns() + 10000000);
		crew_reap(crew);
	}
	for (uint64_t i = 0; i < crew->count; i++) {
		struct member *m = &crew->members[i];
		if (!m->lives || !m->pid)
			continue;
		share_fail(crew->share, "%s %" PRIu32 " does not end",
			m->worker.role, m->worker.index);
		kill(m->pid, SIGKILL);
		reap_killed(crew, m);
	}
}

static void
stop_threads(struct crew *crew)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += PATIENCE_S;
	for (uint64_t i = 0; i < crew->count; i++) {
		struct member *m = &crew->members[i];
		if (!m->lives)
			continue;
		m->lives = false;
		if (!pthread_timedjoin_np(m->thread, NULL, &deadline))
			continue;
		crew->stuck = true;
		share_fail(crew->share, "%s %" PRIu32 " does not end",
			m->worker.role, m->worker.index);
	}
}

/* The last kills: what writers leave then is what the check will find. */
static void
kill_writers(struct crew *crew)
{
	struct member *first = crew->members + crew->plan->readers;

	for (struct member *m = first; m < crew->members + crew->count; m++)
		if (m->lives)
			kill(m->pid, SIGKILL);
	for (struct member *m = first; m < crew->members + crew->count; m++)
		if (m->lives)
			crew->kills += reap_killed(crew, m);
}

void
crew_stop(struct crew *crew)
{
	crew_reap(crew);
	if (crew->plan->kill && crew->count)
		kill_writers(crew);
	share_stop(crew->share);
	crew->elapsed_ns = work_now_ns() - crew->begun_ns;
	stop_processes(crew);
	stop_threads(crew);
	/* A thread that is stuck still looks at its worker. */
	if (!crew->stuck)
		free(crew->members);
	crew->members = NULL;
}
