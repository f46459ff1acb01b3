/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - splinter_stress and splinterp_stress: random reads against random
 * writes, every byte of every value verified.
 *
 * One program under two names: called "splinterp...", it works on a file.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "signals.h"

#define SECOND_NS UINT64_C(1000000000)

/* How often the leader looks whether somebody has stopped the run. */
#define LOOK_NS UINT64_C(50000000)

/*
 * A descriptor opened while 0, 1 or 2 is closed would get that number, and
 * be written over by the next message. What is opened here instead cannot be
 * written: the error shows at the end.
 */
static bool
hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", O_RDONLY) != fd)
			return false;
	}
	return true;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Soon, but not always as soon: most kills should meet a call. */
static uint64_t
next_kill(struct crew *crew)
{
	return work_now_ns() + work_random(&crew->random) % 5000000;
}

/* From the start of the crew until time, an error or a signal ends it. */
static void
lead(struct crew *crew, struct report *report)
{
	const struct plan *plan = crew->plan;
	uint64_t end = crew->begun_ns + plan->duration_ms * 1000000;
	uint64_t tick = crew->begun_ns + SECOND_NS;
	uint64_t kill = plan->kill ? next_kill(crew) : UINT64_MAX;
	uint64_t now;

	while ((now = work_now_ns()) < end && !share_stopped(crew->share)) {
		uint64_t look = earlier(now + LOOK_NS, end);
		if (signals_wait(earlier(look, earlier(tick, kill))))
			break;
		crew_reap(crew);
		report_complaints(report);
		now = work_now_ns();
		if (now >= kill) {
			crew_replace_one(crew);
			kill = next_kill(crew);
		}
		if (now >= tick) {
			report_progress(report, crew);
			tick += SECOND_NS;
		}
	}
}

static uint64_t
repairs(const struct yard *yard)
{
	struct spl_store_stat stat;

	return spl_store_info(yard->store, &stat) ? 0 : stat.repairs;
}

/* The run itself. Whether nobody is left in a call. */
static bool
run_crew(struct yard *yard, struct share *share, struct report *report,
	struct outcome *outcome)
{
	struct crew crew;

	crew_start(&crew, yard->plan, yard->store, share);
	lead(&crew, report);
	crew_stop(&crew);
	outcome->elapsed_ns = crew.elapsed_ns;
	outcome->kills = crew.kills;
	return !crew.stuck;
}

/* A full disk or a reader that has gone may show only here. */
static int
finish_output(const struct plan *plan, int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (fclose(stdout))
		failed = true;
	if (!failed)
		return status;
	plan_say(plan,
		"cannot write to standard output: %s: check where it leads",
		errno ? strerror(errno) : "an earlier write failed");
	return EXIT_FAILED;
}

static int
run(const struct plan *plan, struct share *share)
{
	struct report report;
	struct yard yard;
	struct outcome outcome = {.yard = &yard};
	bool all_gone = true;

	report_begin(&report, plan, share);
	int status = yard_make(&yard, plan, share);
	if (status)
		return status;
	report_notes(&report);
	yard_fill(&yard);
	if (yard.full) {
		all_gone = run_crew(&yard, share, &report, &outcome);
		if (all_gone)
			yard_check(&yard);
	}
	outcome.repairs = repairs(&yard);
	outcome.interrupted = signals_wait(0);
	report_summary(&report, &outcome);
	if (complaints_count(&share->failures) ||
		complaints_count(&share->errors))
		status = EXIT_FAILED;
	if (all_gone) {
		yard_leave(&yard);
	} else {
		/* Only the name: a thread still uses all the rest. */
		yard_remove(&yard);
		_exit(finish_output(plan, EXIT_FAILED));
	}
	return status;
}

/* What was found comes first; an end by signal shows only without it. */
static int
run_to_the_end(const struct plan *plan)
{
	uint64_t tallies = plan_workers(plan) + 1;
	struct share *share = share_new(tallies);

	if (!share) {
		plan_say(plan, "no memory: give fewer --threads or --writers");
		return EXIT_FAILED;
	}
	int status = finish_output(plan, run(plan, share));
	share_free(share, tallies);
	int number = signals_wait(0);
	if (number && !status)
		signals_die(number);
	return status;
}

int
main(int argc, char **argv)
{
	struct plan plan;
	bool done = false;

	if (!hold_standard_descriptors())
		return EXIT_FAILED;
	/* A message is one write, whole beside those of other processes. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	int status = plan_read(&plan, argc, argv, &done);
	if (status || done)
		return finish_output(&plan, status);
	signals_block();
	return run_to_the_end(&plan);
}
