/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_replay.c - does again what `record` has seen: at the speed it happened,
 * at another, or as fast as it can.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "infile.h"
#include "item.h"
#include "message.h"
#include "pattern.h"
#include "progress.h"
#include "terminal.h"

#define SLICE_NS UINT64_C(100000000)

struct replay {
	struct cli *cli;
	const struct call *call;
	const char *path;
	double speed; /* 0: as fast as it can */
	struct pattern pattern;
	struct infile file;
	size_t line_max;
	struct terminal terminal;
	struct progress progress;
	uint64_t base_ns; /* when what is replayed started */
	uint64_t began_ns; /* when we did, by cli_now_ns() */
	char torn[160]; /* a line that is wrong, if it is not a torn one */
	bool was_torn; /* some was */
	uint64_t sets, unsets, missed;
};

static bool
is_stopped(void *context)
{
	struct replay *replay = context;

	return terminal_interrupted() || terminal_stop(&replay->terminal);
}

static const char *
file_name(const struct replay *replay)
{
	return strcmp(replay->path, "-") != 0 ? replay->path : "standard input";
}

/* --- Time --------------------------------------------------------------- */

/* Until the moment has come that is so long after the start. */
static int
wait_for(struct replay *replay, uint64_t time_ns)
{
	if (replay->speed == 0 || time_ns <= replay->base_ns)
		return 0;
	double after = (double)(time_ns - replay->base_ns) / replay->speed;
	for (;;) {
		double left = after - (double)(cli_now_ns() - replay->began_ns);

		if (left <= 0)
			return 0;
		uint64_t slice =
			left < (double)SLICE_NS ? (uint64_t)left : SLICE_NS;
		const struct timespec pause = {.tv_nsec = (long)slice};
		nanosleep(&pause, NULL);
		if (is_stopped(replay))
			return -EINTR;
	}
}

/* --- Lines -------------------------------------------------------------- */

static int
set(struct replay *replay, const char *key, const struct item *item)
{
	spl_store *store = replay->cli->store;

	replay->sets++;
	if (item->ttl_ms)
		return spl_set_ttl(
			store, key, item->value, item->len, item->ttl_ms);
	int64_t rc = spl_unset(store, key);
	return rc == -ENOENT || rc >= 0 ? 0 : (int)rc;
}

static int
unset(struct replay *replay, const char *key)
{
	int64_t rc = spl_unset(replay->cli->store, key);

	replay->unsets++;
	/* It may have expired here, too. */
	return rc == -ENOENT || rc >= 0 ? 0 : (int)rc;
}

static int
fail_line(const struct replay *replay, const char *key, const struct item *item,
	int code)
{
	const struct failure failure = {
		.doing = DOING_KEY,
		.code = code,
		.command = replay->call->command->name,
		.store = replay->cli->store_name,
		.key = key,
		.value_len = item->len,
		.changing = true,
	};
	int status = cli_fail(replay->cli, &failure);

	cli_note("replay: that is line %" PRIu64 " of %s; those before are "
		 "done",
		replay->file.number, file_name(replay));
	return status;
}

static int
replay_key(struct replay *replay, const struct item_event *event)
{
	const struct item *item = &event->item;
	bool gone = event->what == SPL_UNSET || event->what == SPL_EXPIRED;
	/* Both have room to be too long, which the store refuses. */
	char key[2 * sizeof(item->key)];

	if (!pattern_matches(&replay->pattern, item->key))
		return EXIT_DONE;
	snprintf(key, sizeof(key), "%s%s", replay->cli->prefix, item->key);
	int rc = gone ? unset(replay, key) : set(replay, key, item);
	return rc < 0 ? fail_line(replay, key, item, rc) : EXIT_DONE;
}

/* A recording may have been gone on with later: that time is left out. */
static void
start(struct replay *replay, const struct item_event *event)
{
	replay->base_ns = event->time_ns;
	replay->began_ns = cli_now_ns();
}

static int
replay_event(struct replay *replay, const struct item_event *event)
{
	if (!event->what || !replay->base_ns)
		start(replay, event);
	replay->missed += event->what == SPL_MISSED ? event->changes : 0;
	if (!event->what || event->what == SPL_MISSED ||
		event->what == SPL_SYNCED)
		return EXIT_DONE;
	if (wait_for(replay, event->time_ns) < 0)
		return cli_fail_text(replay->cli,
			"replay: interrupted before line %" PRIu64 " of %s",
			replay->file.number, file_name(replay));
	return replay_key(replay, event);
}

/* --- What is wrong ------------------------------------------------------ */

static void
note_wrong(struct replay *replay, const char *wrong, size_t at)
{
	char where[48] = "";

	if (at)
		snprintf(where, sizeof(where), ", byte %zu", at + 1);
	snprintf(replay->torn, sizeof(replay->torn),
		"line %" PRIu64 "%s: it %s", replay->file.number, where, wrong);
}

static int
fail_wrong(const struct replay *replay, const char *outcome)
{
	return cli_fail_text(replay->cli, "replay: %s, %s: %s",
		file_name(replay), replay->torn, outcome);
}

/*
 * A line that is wrong is a torn one, whose recorder was ended in the midst
 * of it, if it is the last, or if another recording starts behind it.
 */
static int
settle_wrong(struct replay *replay, bool torn)
{
	if (!*replay->torn)
		return EXIT_DONE;
	int status = fail_wrong(replay, torn ? "there a recording was cut off"
					     : "those before are done");
	*replay->torn = '\0';
	replay->was_torn = true;
	return torn ? EXIT_DONE : status;
}

static int
fail_file(const struct replay *replay, int code)
{
	const char *name = file_name(replay);

	if (code == -EOPNOTSUPP)
		return cli_fail_text(replay->cli,
			"replay: %s is packed, and this program was built "
			"without %s: unpack it first",
			name, packing_library(replay->file.packing));
	if (code == -EINTR)
		return cli_fail_text(replay->cli, "replay: interrupted");
	return cli_fail_text(replay->cli,
		"replay: cannot read %s behind line %" PRIu64 ": %s", name,
		replay->file.number,
		code == -ENODATA   ? "it ends too early"
		: code == -EBADMSG ? "it is damaged"
				   : strerror(-code));
}

/* --- All of them -------------------------------------------------------- */

static int
replay_line(struct replay *replay, int rc)
{
	struct item_event event;
	size_t at = 0;
	const char *wrong = "is longer than a key and value of this store can "
			    "make it";

	if (rc > 0)
		wrong = item_read_event(
			&event, replay->file.line, replay->file.len, &at);
	int status = settle_wrong(replay, !wrong && !event.what);
	if (status)
		return status;
	progress_add(&replay->progress, replay->file.len);
	if (wrong) {
		note_wrong(replay, wrong, at);
		return EXIT_DONE;
	}
	return replay_event(replay, &event);
}

static int
go_on(struct replay *replay)
{
	int status = EXIT_DONE;
	int rc = 0;

	replay->began_ns = cli_now_ns();
	while (!status) {
		if (is_stopped(replay))
			return fail_file(replay, -EINTR);
		rc = infile_line(&replay->file, replay->line_max);
		if (rc <= 0 && rc != -E2BIG)
			break;
		status = replay_line(replay, rc);
	}
	if (status)
		return status;
	if (rc < 0)
		return fail_file(replay, rc);
	status = settle_wrong(replay, replay->file.cut);
	return replay->was_torn ? EXIT_FAILED : status;
}

static void
print_summary(const struct replay *replay)
{
	const struct call *call = replay->call;
	struct json json;

	if (call->given[OPTION_JSON]) {
		json_begin(&json);
		json_number(&json, "sets", replay->sets);
		json_number(&json, "unsets", replay->unsets);
		json_number(&json, "missed", replay->missed);
		json_number(&json, "last_line", replay->file.number);
		json_end(&json);
	} else if (!call->given[OPTION_QUIET]) {
		printf("%" PRIu64 " sets and %" PRIu64 " removals replayed",
			replay->sets, replay->unsets);
		if (replay->missed)
			printf(", %" PRIu64 " changes were not recorded",
				replay->missed);
		puts(".");
	}
}

static int
run(struct replay *replay)
{
	int rc = infile_open(&replay->file, replay->path, is_stopped, replay);

	if (rc < 0)
		return cli_fail_text(replay->cli, "replay: cannot read %s: %s",
			file_name(replay), strerror(-rc));
	progress_begin(&replay->progress, replay->call, "lines", 0);
	int status = go_on(replay);
	progress_end(&replay->progress);
	print_summary(replay);
	return status;
}

static int
run_with_signals(struct replay *replay)
{
	terminal_begin_signals(&replay->terminal);
	int status = run(replay);
	infile_close(&replay->file);
	/* A signal may end the program here. */
	fflush(stdout);
	terminal_end(&replay->terminal);
	if (status && terminal_interrupted() && replay->cli->mode == MODE_ONE)
		return terminal_die_of_interrupt();
	return status;
}

/* --- Words -------------------------------------------------------------- */

static int
take_speed(struct replay *replay)
{
	const char *text = replay->call->given[OPTION_SPEED];
	char *end;

	replay->speed = replay->call->given[OPTION_FAST] ? 0 : 1;
	if (!text)
		return EXIT_DONE;
	if (replay->speed == 0)
		return cli_usage(replay->cli, "replay: --fast is a speed as "
					      "well: give one of them");
	replay->speed = strtod(text, &end);
	if (*text >= '0' && *text <= '9' && !*end && replay->speed >= 0.001 &&
		replay->speed <= 1e6)
		return EXIT_DONE;
	return cli_usage(replay->cli,
		"replay: '%s' is no speed: give a number from 0.001 to "
		"1000000, "
		"such as 0.5 or 10",
		text);
}

int
cmd_replay(struct cli *cli, const struct call *call)
{
	struct replay replay = {.cli = cli,
		.call = call,
		.path = call->argv[0],
		.file = {.fd = -1}};
	struct spl_store_stat stat;
	int status = take_speed(&replay);

	if (!status && !strcmp(replay.path, "-") && cli->mode == MODE_SCRIPT)
		status = cli_usage(cli, "replay: standard input is the script: "
					"give a file");
	if (!status)
		status = pattern_take(&replay.pattern, cli, call,
			call->argc > 1 ? call->argv[1] : NULL);
	if (!status) {
		int rc = spl_store_info(cli->store, &stat);

		replay.line_max = item_line_max(stat.max_value);
		status = rc < 0 ? cli_fail_key(cli, call, NULL, rc)
				: run_with_signals(&replay);
	}
	pattern_free(&replay.pattern);
	return status;
}
