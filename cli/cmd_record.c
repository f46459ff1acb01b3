/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_record.c - what keys become, as a feed tells it, as lines of a file that
 * `replay` does again.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "item.h"
#include "message.h"
#include "pattern.h"
#include "terminal.h"
#include "watch_event.h"

#define SECOND_NS UINT64_C(1000000000)

enum {
	SLICE_MS = 100, /* between two looks at keyboard and signals */
	BATCH = 64
};

struct record {
	struct cli *cli;
	const struct call *call;
	const char *path; /* null: standard output */
	struct pattern pattern;
	FILE *file;
	spl_feed *feed;
	uint64_t deadline_ns; /* UINT64_MAX: none */
	uint64_t flushed_ns;
	uint64_t most; /* changes */
	uint64_t changes;
	uint64_t missed;
	int code; /* why a write failed */
};

static uint64_t
realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Keeps the reason of the first write that failed, which stdio does not. */
static void
note_error(struct record *record)
{
	if (!record->code && ferror(record->file))
		record->code = errno ? errno : EIO;
}

static void
flush(struct record *record)
{
	errno = 0;
	fflush(record->file);
	note_error(record);
}

/* --- Lines -------------------------------------------------------------- */

static void
put_start(const struct record *record, const struct spl_store_stat *stat,
	uint64_t sequence)
{
	char id[2 * sizeof(stat->id) + 1];
	struct json json;

	for (size_t i = 0; i < sizeof(stat->id); i++)
		snprintf(id + 2 * i, 3, "%02x", stat->id[i]);
	json_begin_on(&json, record->file);
	json_number(&json, "recording", ITEM_RECORDING);
	json_number(&json, "time_ns", realtime_ns());
	json_string(&json, "store", record->cli->store_name);
	json_string(&json, "id", id);
	json_number(&json, "slots", stat->slots);
	json_number(&json, "max_value", stat->max_value);
	json_number(&json, "sequence", sequence);
	json_end(&json);
}

/* The feed does not tell how long a value has: the store does, while it has
 * that value. */
static uint64_t
ttl_of(const struct record *record, const struct spl_event *event)
{
	struct spl_key_stat stat;

	if (spl_stat(record->cli->store, event->key, &stat) < 0 ||
		stat.epoch != event->epoch)
		return UINT64_MAX;
	return stat.ttl_ms;
}

static void
put_key(const struct record *record, struct json *json,
	const struct spl_event *event)
{
	bool gone = event->what == SPL_UNSET || event->what == SPL_EXPIRED;

	json_string(json, "key", cli_key_shown(record->cli, event->key));
	json_number(json, "epoch", event->epoch);
	if (gone)
		return;
	json_number(json, "length", event->len);
	json_text(json, "value", event->value, event->len);
	uint64_t ttl_ms = ttl_of(record, event);
	if (ttl_ms != UINT64_MAX)
		json_number(json, "ttl_ms", ttl_ms);
}

static void
put_event(struct record *record, const struct spl_event *event)
{
	struct json json;

	json_begin_on(&json, record->file);
	json_number(&json, "time_ns", realtime_ns());
	json_number(&json, "sequence", event->sequence);
	json_string(&json, "event", watch_event_name(event->what));
	if (event->what == SPL_MISSED)
		json_number(&json, "changes", event->changes);
	else if (event->what != SPL_SYNCED)
		put_key(record, &json, event);
	json_end(&json);
}

static void
take_event(struct record *record, const struct spl_event *event)
{
	const char *shown = cli_key_shown(record->cli, event->key);
	bool has_key = event->what != SPL_MISSED && event->what != SPL_SYNCED;

	if (has_key && (!*shown || !pattern_matches(&record->pattern, shown)))
		return;
	errno = 0;
	put_event(record, event);
	note_error(record);
	if (event->what == SPL_MISSED)
		record->missed += event->changes;
	record->changes += has_key && event->what != SPL_PRESENT;
}

/* --- Going on ----------------------------------------------------------- */

/* Each second all is in the file, so that little is lost with us. */
static bool
is_written(struct record *record, uint64_t now)
{
	if (now - record->flushed_ns >= SECOND_NS) {
		record->flushed_ns = now;
		flush(record);
	}
	return !record->code;
}

static bool
is_done(const struct record *record)
{
	return record->changes >= record->most;
}

static uint64_t
slice_ms(const struct record *record, uint64_t now)
{
	uint64_t left = record->deadline_ns - now;

	if (now >= record->deadline_ns)
		return 0;
	return left / 1000000 < SLICE_MS ? (left + 999999) / 1000000 : SLICE_MS;
}

/* Until something ends it: 0, or why. */
static int
go_on(struct record *record, struct terminal *terminal)
{
	struct spl_event events[BATCH];

	while (!terminal_stop(terminal) && !is_done(record)) {
		uint64_t now = cli_now_ns();
		int count = spl_feed_read(
			record->feed, events, BATCH, slice_ms(record, now));

		if (count < 0)
			return count;
		for (int i = 0; i < count && !is_done(record); i++)
			take_event(record, &events[i]);
		/* What was there at the end of the time is told. */
		if (!count && now >= record->deadline_ns)
			return 0;
		if (!is_written(record, now))
			return -EIO;
		if (!count && cli_store_is_removed(record->cli))
			return -EIDRM;
	}
	return 0;
}

/* --- The file ----------------------------------------------------------- */

static int
fail_file(const struct record *record, int code)
{
	return cli_fail_text(record->cli, "record: cannot write '%s': %s",
		record->path, strerror(code));
}

/* What is in a file already is a recording, or nothing is put behind it. */
static bool
is_recording(int fd, off_t size)
{
	static const char start[] = "{\"recording\":";
	char found[sizeof(start) - 1];

	return size < (off_t)sizeof(found)
		       ? !size
		       : pread(fd, found, sizeof(found), 0) ==
					 (ssize_t)sizeof(found) &&
				 !memcmp(found, start, sizeof(found));
}

/* A line that somebody could not write wholly stays a line of its own. */
static void
end_torn_line(FILE *file, off_t size)
{
	char last;

	if (size > 0 && pread(fileno(file), &last, 1, size - 1) == 1 &&
		last != '\n')
		fputc('\n', file);
}

static int
open_file(struct record *record)
{
	struct stat status;

	record->file = stdout;
	if (!record->path)
		return EXIT_DONE;
	int fd = open(record->path,
		O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
		S_IRUSR | S_IWUSR);
	record->file = fd < 0 ? NULL : fdopen(fd, "a+");
	if (!record->file || fstat(fd, &status))
		return fail_file(record, errno);
	off_t size = S_ISREG(status.st_mode) ? status.st_size : 0;
	if (!is_recording(fd, size)) {
		fclose(record->file);
		return cli_fail_text(record->cli,
			"record: '%s' is there already and is no recording: "
			"choose another name",
			record->path);
	}
	end_torn_line(record->file, size);
	return EXIT_DONE;
}

/* All of it is on the disk then. */
static int
close_file(struct record *record, int status)
{
	FILE *file = record->file;

	if (!record->path || !file)
		return status;
	flush(record);
	/* A pipe, say, has no disk. */
	if (!record->code && fsync(fileno(file)) && errno != EINVAL)
		record->code = errno;
	fclose(file);
	record->file = NULL;
	return record->code ? fail_file(record, record->code) : status;
}

/* --- From words to a feed and back to a status -------------------------- */

static int
open_feed(struct record *record)
{
	struct spl_feed_options options;
	struct spl_feed_stat feed;
	struct spl_store_stat stat;

	spl_feed_options_init(&options);
	options.flags = SPL_FEED_VALUES;
	if (record->call->given[OPTION_FROM_SNAPSHOT])
		options.flags |= SPL_FEED_SNAPSHOT;
	options.prefix = record->cli->prefix;
	int rc = spl_store_info(record->cli->store, &stat);
	if (rc >= 0)
		rc = spl_feed_open(record->cli->store, &options, &record->feed);
	if (rc >= 0)
		rc = spl_feed_info(record->feed, &feed);
	if (rc >= 0)
		put_start(record, &stat, feed.started);
	return rc;
}

static int
finish(const struct record *record, int rc)
{
	if (rc == -EIDRM)
		return cli_fail_text(record->cli,
			"record: store '%s' was removed: what it was until "
			"then is recorded",
			record->cli->store_name);
	/* Closing the file says why. */
	if (rc == -EIO && record->code)
		return EXIT_FAILED;
	return rc < 0 ? cli_fail_key(record->cli, record->call, NULL, rc)
		      : EXIT_DONE;
}

static void
print_summary(const struct record *record)
{
	const struct call *call = record->call;
	struct json json;

	if (!record->path ||
		(call->given[OPTION_QUIET] && !call->given[OPTION_JSON]))
		return;
	if (call->given[OPTION_JSON]) {
		json_begin(&json);
		json_string(&json, "file", record->path);
		json_number(&json, "changes", record->changes);
		json_number(&json, "missed", record->missed);
		json_end(&json);
		return;
	}
	cli_note("record: %" PRIu64 " changes are in '%s', %" PRIu64
		 " were missed",
		record->changes, record->path, record->missed);
}

static int
run(struct record *record)
{
	struct terminal terminal;

	terminal_begin(&terminal);
	int status = open_file(record);
	if (!status) {
		int rc = open_feed(record);

		if (rc >= 0 && terminal.present)
			fputs("Press Ctrl-] To Stop ...\n", stderr);
		/* Whoever waits for the start sees it. */
		flush(record);
		record->flushed_ns = cli_now_ns();
		if (rc >= 0)
			rc = go_on(record, &terminal);
		status = close_file(record, finish(record, rc));
		if (!status)
			print_summary(record);
		fflush(stdout);
	}
	spl_feed_close(record->feed);
	terminal_end(&terminal);
	return status;
}

static int
take_options(struct record *record)
{
	const struct call *call = record->call;
	const char *count = call->given[OPTION_CHANGES];
	const char *timeout = call->given[OPTION_TIMEOUT];
	uint64_t now = cli_now_ns();
	uint64_t ms = 0;
	int status = EXIT_DONE;

	record->most = record->deadline_ns = UINT64_MAX;
	if (count)
		status = cli_number(record->cli, call, "count of changes",
			count, 1, UINT64_MAX, &record->most);
	if (!status && timeout)
		status = cli_duration(record->cli, call, "time", timeout, &ms);
	if (timeout && ms < (UINT64_MAX - now) / 1000000)
		record->deadline_ns = now + ms * 1000000;
	return status;
}

int
cmd_record(struct cli *cli, const struct call *call)
{
	struct record record = {.cli = cli, .call = call};
	int status = take_options(&record);

	if (strcmp(call->argv[0], "-") != 0)
		record.path = call->argv[0];
	if (!status && record.path)
		status = pattern_no_file(cli, call, record.path);
	if (!status)
		status = pattern_take(&record.pattern, cli, call,
			call->argc > 1 ? call->argv[1] : NULL);
	if (!status)
		status = run(&record);
	pattern_free(&record.pattern);
	return status;
}
