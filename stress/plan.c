/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - the command line: one row an option drives reading and help.
 */
#define _GNU_SOURCE 1
#include "plan.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef SPLINTER_BUILD
#define SPLINTER_BUILD "unknown"
#endif

#define DAY_MS UINT64_C(86400000)
/* JSON's numbers are exact up to here. */
#define EXACT_MAX ((UINT64_C(1) << 53) - 1)

struct row {
	const char *name;
	const char *value; /* what it takes, or null */
	const char *help;
	size_t member;
	uint64_t min, max; /* max 0: it takes no number */
	char letter;
};

#define TO(name) offsetof(struct plan, name)

/* clang-format off */
static const struct row rows[] = {
	{ "threads", "N", "readers", TO(readers), 0, READERS_MAX, 0 },
	{ "writers", "N", "writers", TO(writers), 0, WRITER_PROCESSES_MAX, 0 },
	{ "procs", NULL, "processes instead of threads", TO(procs), 0, 0, 0 },
	{ "kill", NULL, "kill and replace random writers; implies processes",
	  TO(kill), 0, 0, 0 },
	{ "toggle-vacuum", NULL, "switch auto-vacuum off and on all the time",
	  TO(toggle_vacuum), 0, 0, 0 },
	{ "duration-ms", "D", "how long it runs, in milliseconds",
	  TO(duration_ms), 1, 365 * DAY_MS, 0 },
	{ "keys", "K", "how many keys", TO(keys), 1, 1 << 30, 0 },
	{ "store", "NAME", "the store to make, use and remove",
	  TO(store), 0, 0, 0 },
	{ "slots", "S", "slots of the store (as keys, at least 1024)", TO(slots), 1, 1 << 30, 0 },
	{ "min-value", "B", "bytes in the smallest value",
	  TO(min_value), 1, UINT32_MAX, 0 },
	{ "max-value", "B", "bytes in the largest value",
	  TO(max_value), 1, UINT32_MAX, 0 },
	{ "writer-us", "U", "microseconds a writer pauses after a write", TO(writer_us), 0, DAY_MS * 1000, 0 },
	{ "quiet", NULL, "no progress, no notes", TO(quiet), 0, 0, 0 },
	{ "keep-test-store", NULL, "leave the store, say how to look at it",
	  TO(keep), 0, 0, 0 },
	{ "json", NULL, "print the summary as one JSON object",
	  TO(json), 0, 0, 0 },
	{ "seed", "N", "where random numbers begin, to repeat a run",
	  TO(seed), 1, EXACT_MAX, 0 },
	{ "help", NULL, "print this and exit", 0, 0, 0, 'h' },
	{ "version", NULL, "print the version and exit", 0, 0, 0, 'v' },
};
/* clang-format on */

enum {
	ROWS = sizeof rows / sizeof rows[0],
	FIRST_CODE = 256, /* of options without a letter */
	ENTRIES_MAX = 1024 /* what spl_options.writers takes */
};

void
plan_say(const struct plan *plan, const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	int len = vasprintf(&line, format, args);
	va_end(args);
	if (len < 0)
		return;
	/* Names come from outside: nothing of them may control a terminal. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	fprintf(stderr, "%s: %s\n", plan->program, line);
	free(line);
}

static uint64_t *
number_of(struct plan *plan, const struct row *row)
{
	return (uint64_t *)(void *)((char *)plan + row->member);
}

static void
print_row(struct plan *plan, const struct row *row)
{
	char left[32];

	snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "",
		row->value ? row->value : "");
	if (row->letter)
		printf("  -%c, --%-17s %s", row->letter, left, row->help);
	else
		printf("      --%-17s %s", left, row->help);
	/* 0 where none is allowed: chosen later. */
	if (row->max && *number_of(plan, row) >= row->min)
		printf(" (%" PRIu64 ")", *number_of(plan, row));
	puts("");
}

static void
set_defaults(struct plan *plan, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;

	*plan = (struct plan){
		.program = name && *name ? name : "splinter_stress",
		.readers = 2,
		.writers = 1,
		.duration_ms = 10000,
		.keys = 1000,
		.min_value = 1,
		.max_value = SPL_DEFAULT_MAX_VALUE,
	};
	plan->kind = SPL_MEMORY;
	if (!strncmp(plan->program, "splinterp", 9)) {
		plan->kind = SPL_FILE;
		plan->writer_us = 1000;
	}
	snprintf(plan->store_text, sizeof plan->store_text,
		"splinter_stress_%d", (int)getpid());
	plan->store = plan->store_text;
}

static void
print_help(const char *path)
{
	struct plan defaults, *plan = &defaults;

	set_defaults(plan, path);
	printf("usage: %s [OPTION]...\n\n", plan->program);
	printf("Reads and writes random keys of a store of its own in %s, and\n"
	       "verifies every byte of every value.\n\n",
		plan->kind == SPL_MEMORY ? "shared memory" : "a file");
	for (size_t i = 0; i < ROWS; i++)
		print_row(plan, &rows[i]);
	printf("\nThe store is %ssplinter_stress_PID unless named.\n"
	       "Numbers take K, M or G (times 1024).\n",
		plan->kind == SPL_MEMORY ? "" : "./");
	puts("\nExit status: 0 no failure, 1 failures, or it could not be "
	     "done, 2 usage.");
}

/* Digits, then K, M, G or nothing. */
static bool
parse_number(const char *text, uint64_t *out)
{
	static const char units[] = "kKmMgG";
	size_t digits = strspn(text, "0123456789");
	uint64_t number = 0;

	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(
				number, (uint64_t)(text[i] - '0'), &number))
			return false;
	if (!digits)
		return false;
	const char *unit = text + digits;
	unsigned shift = 0;
	if (*unit) {
		const char *known = strchr(units, *unit);
		if (!known || unit[1])
			return false;
		shift = 10 * (unsigned)((known - units) / 2 + 1);
	}
	if (number > UINT64_MAX >> shift)
		return false;
	*out = number << shift;
	return true;
}

static int
take_number(struct plan *plan, const struct row *row, const char *text)
{
	uint64_t number;

	if (!parse_number(text, &number) || number < row->min ||
		number > row->max) {
		plan_say(plan,
			"'--%s %s' is no number that it takes: give a whole "
			"number from %" PRIu64 " to %" PRIu64
			", with K, M or G for times 1024",
			row->name, text, row->min, row->max);
		return EXIT_USAGE;
	}
	*number_of(plan, row) = number;
	return EXIT_DONE;
}

static int
take_option(struct plan *plan, const struct row *row, const char *text)
{
	if (!strcmp(row->name, "store"))
		plan->store = text;
	else if (row->value)
		return take_number(plan, row, text);
	else
		*number_of(plan, row) = 1;
	return EXIT_DONE;
}

static int
code_of(size_t row)
{
	return rows[row].letter ? rows[row].letter : FIRST_CODE + (int)row;
}

/* What getopt_long() could not take. */
static int
refuse(const struct plan *plan, int code, char **argv)
{
	const char letter[] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt > 0 && optopt < FIRST_CODE;
	size_t row = 0;

	while (row < ROWS && code_of(row) != optopt)
		row++;
	if (row == ROWS)
		plan_say(plan,
			"unknown option '%s': '%s --help' lists the options",
			is_letter ? letter : argv[optind - 1], plan->program);
	else if (code == ':')
		plan_say(plan, "option '--%s' needs a value: write '--%s %s'",
			rows[row].name, rows[row].name, rows[row].value);
	else
		plan_say(plan, "option '--%s' takes no value: write '--%s'",
			rows[row].name, rows[row].name);
	return EXIT_USAGE;
}

static void
list_options(struct option *options)
{
	for (size_t i = 0; i < ROWS; i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg =
				rows[i].value ? required_argument : no_argument,
			.val = code_of(i),
		};
	options[ROWS] = (struct option){0};
}

static int
take_options(struct plan *plan, int argc, char **argv, bool *done)
{
	struct option options[ROWS + 1];
	int code, status = EXIT_DONE;

	list_options(options);
	opterr = 0;
	while (!*done && !status &&
		(code = getopt_long(argc, argv, "+:hv", options, NULL)) >= 0) {
		*done = code == 'h' || code == 'v';
		if (code == 'h')
			print_help(argv[0]);
		else if (code == 'v')
			printf("%s version %s build %s\n", plan->program,
				spl_version(), SPLINTER_BUILD);
		else if (code >= FIRST_CODE)
			status = take_option(
				plan, &rows[code - FIRST_CODE], optarg);
		else
			status = refuse(plan, code, argv);
	}
	if (!status && !*done && optind < argc) {
		plan_say(plan,
			"'%s' is no option: '%s --help' lists the "
			"options",
			argv[optind], plan->program);
		status = EXIT_USAGE;
	}
	return status;
}

static int
check_store(const struct plan *plan)
{
	const char *name = plan->store;

	if (plan->kind == SPL_FILE) {
		if (*name)
			return EXIT_DONE;
		plan_say(plan, "'' cannot name a store: give the path of a "
			       "file that does not exist yet");
	} else {
		if (*name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
			strcmp(name, "..") != 0)
			return EXIT_DONE;
		plan_say(plan,
			"'%s' cannot name a store in memory: use a plain name "
			"without '/', or splinterp_stress for a store in a "
			"file",
			name);
	}
	return EXIT_USAGE;
}

/* What single numbers do not show. */
static int
check(const struct plan *plan)
{
	bool processes = plan_processes(plan, true);

	if (!plan->readers && !plan->writers)
		plan_say(plan, "without readers and writers there is nothing "
			       "to do: give --threads or --writers at least 1");
	else if (plan->kill && !plan->writers)
		plan_say(plan, "--kill kills writers and there are none: give "
			       "--writers at least 1");
	else if (plan->writers > WRITER_THREADS_MAX && !processes)
		plan_say(plan,
			"%" PRIu64 " writers are more than a store has room "
			"for in one process: give at most %d, or --procs",
			plan->writers, WRITER_THREADS_MAX);
	else if (plan->min_value > plan->max_value)
		plan_say(plan,
			"the smallest value, %" PRIu64 " bytes, is larger than "
			"the largest, %" PRIu64 ": give a smaller --min-value "
			"or a larger --max-value",
			plan->min_value, plan->max_value);
	else if (plan->keys > plan->slots)
		plan_say(plan,
			"%" PRIu64 " keys do not fit into %" PRIu64
			" slots: give --slots at least %" PRIu64
			", or fewer --keys",
			plan->keys, plan->slots, plan->keys);
	else
		return check_store(plan);
	return EXIT_USAGE;
}

static uint64_t
some_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return (stamp_mix(ns + ((uint64_t)getpid() << 40)) >> 32) + 1;
}

/* What the rest follows from. */
static void
complete(struct plan *plan)
{
	/* Twice the writers, some for the leader, the switcher, the dead. */
	uint64_t entries = 2 * plan->writers + 8;

	if (entries < SPL_DEFAULT_WRITERS)
		entries = SPL_DEFAULT_WRITERS;
	plan->entries = entries > ENTRIES_MAX ? ENTRIES_MAX : (uint32_t)entries;
	if (!plan->slots)
		plan->slots = plan->keys > SPL_DEFAULT_SLOTS
				      ? plan->keys
				      : SPL_DEFAULT_SLOTS;
	if (!plan->seed)
		plan->seed = some_seed();
	plan->run = (uint32_t)stamp_mix(plan->seed);
}

int
plan_read(struct plan *plan, int argc, char **argv, bool *done)
{
	set_defaults(plan, argv[0]);
	int status = take_options(plan, argc, argv, done);
	if (status || *done)
		return status;
	complete(plan);
	return check(plan);
}
