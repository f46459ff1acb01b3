/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - what all benchmarks do alike: their options, the clock, CPUs.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "atomic.h"
#include "spl.h"

/* "bench_wake", for messages. Each benchmark has its own. */
extern const char *const bench_name;

static inline _Noreturn void
die(const char *what, int rc)
{
	fprintf(stderr, "%s: %s: %s\n", bench_name, what, strerror(-rc));
	exit(1);
}

static inline uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* From /proc/cpuinfo, fit for JSON as it is. */
static inline void
cpu_model(char *text, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(text, size, "unknown CPU");
	while (f && fgets(line, sizeof line, f)) {
		char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		line[strcspn(line, "\n\"\\")] = '\0';
		snprintf(text, size, "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

/* The first CPUs that we may use, up to @most. How many. */
static inline size_t
cpus_find(size_t *cpus, size_t most)
{
	cpu_set_t set;
	size_t found = 0;

	if (sched_getaffinity(0, sizeof set, &set))
		die("sched_getaffinity", -errno);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && found < most; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = cpu;
	return found;
}

static inline void
pin(size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("sched_setaffinity", -errno);
}

static inline void
usage(FILE *to, const char *rounds_are, uint64_t rounds)
{
	fprintf(to,
		"usage: %s [--rounds N] [--json]\n"
		"  --rounds N  %s, 1 to 10000000 (default %" PRIu64 ")\n"
		"  --json      one JSON object\n",
		bench_name, rounds_are, rounds);
}

/* *@rounds: the default, then what was asked for. */
static inline void
options_read(int argc, char **argv, const char *rounds_are, uint64_t *rounds,
	bool *json)
{
	static const struct option options[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const uint64_t normally = *rounds;
	char *end = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			*rounds = strtoull(optarg, &end, 10);
		else if (c == 'j')
			*json = true;
		else {
			usage(c == 'h' ? stdout : stderr, rounds_are, normally);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc || (end && *end) || !*rounds || *rounds > 10000000) {
		usage(stderr, rounds_are, normally);
		exit(2);
	}
}

#endif
