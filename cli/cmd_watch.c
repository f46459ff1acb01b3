/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_watch.c - prints what a key becomes.
 *
 * Each value is printed with the epoch known that it belongs to, so that
 * none is printed twice. Several changes in a row may show as the last one.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "terminal.h"
#include "text.h"
#include "value.h"

enum { SLICE_MS = 100 /* between two looks at keyboard and signals */ };

struct watch {
	struct cli *cli;
	const struct call *call;
	const char *key;
	uint64_t seen; /* the epoch last printed, 0 for absent */
	uint64_t timeout_ms;
	uint64_t deadline_ms; /* UINT64_MAX: none */
	bool done; /* --oneshot has had its shot */
	struct value value;
};

/* The key's epoch, 0 when it is absent. */
static int
epoch_of(struct watch *watch, uint64_t *epoch)
{
	struct spl_key_stat stat;
	int rc = spl_stat(watch->cli->store, watch->key, &stat);

	*epoch = rc < 0 ? 0 : stat.epoch;
	return rc == -ENOENT ? 0 : rc;
}

/* What shows only on the next look, because it changes now. */
static bool
is_passing(int rc)
{
	return rc == -ENOENT || rc == -EAGAIN || rc == -ETIMEDOUT;
}

static void
print_event(const struct watch *watch, const char *event)
{
	struct json json;

	json_begin(&json);
	json_string(&json, "key", cli_key_shown(watch->cli, watch->key));
	json_string(&json, "event", event);
	if (watch->seen) {
		json_number(&json, "epoch", watch->seen);
		json_number(&json, "length", watch->value.len);
		json_text(&json, "value", watch->value.bytes, watch->value.len);
	}
	json_end();
}

static void
report_removal(struct watch *watch)
{
	watch->seen = 0;
	watch->done = true;
	if (watch->call->given[OPTION_JSON])
		print_event(watch, "unset");
	else
		cli_note("watch: key '%s' was removed", watch->key);
}

static void
report_value(struct watch *watch, uint64_t epoch)
{
	watch->seen = epoch;
	watch->done = true;
	if (watch->call->given[OPTION_JSON])
		print_event(watch, "changed");
	else
		value_print(&watch->value);
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What is left until the deadline, in slices. */
static uint64_t
slice_ms(const struct watch *watch)
{
	uint64_t now = now_ms();

	if (now >= watch->deadline_ms)
		return 0;
	uint64_t left = watch->deadline_ms - now;
	return left < SLICE_MS ? left : SLICE_MS;
}

/* Waits one slice for a change, and prints it if there is one. */
static int
look(struct watch *watch)
{
	uint64_t now;
	int rc = spl_wait(watch->cli->store, watch->key, watch->seen,
		slice_ms(watch), &now);

	if (rc >= 0 && !now) {
		report_removal(watch);
		return 0;
	}
	if (rc >= 0)
		rc = value_get_steady(
			&watch->value, watch->cli->store, watch->key, &now);
	if (rc < 0)
		return is_passing(rc) ? 0 : rc;
	report_value(watch, now);
	return 0;
}

/* Whoever read a pipe on stdout has gone. */
static bool
is_unread(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLHUP);
}

/* Until something ends it: 0, or why. -ETIMEDOUT also when that is fine. */
static int
go_on(struct watch *watch, struct terminal *terminal)
{
	bool oneshot = watch->call->given[OPTION_ONESHOT];
	int rc = 0;

	while (!terminal_stop(terminal) && !(oneshot && watch->done)) {
		/* A reader of stdout that has gone shows in main(). */
		if ((rc = look(watch)) < 0 || fflush(stdout))
			return rc;
		if (is_unread()) {
			/* What a write would have raised. */
			raise(SIGPIPE);
			return -EPIPE;
		}
		if (cli_store_is_removed(watch->cli))
			return -ESTALE;
		if (now_ms() >= watch->deadline_ms)
			return oneshot && watch->done ? 0 : -ETIMEDOUT;
	}
	return 0;
}

static int
run(struct watch *watch)
{
	struct terminal terminal;

	terminal_begin(&terminal);
	if (terminal.present)
		fputs("Press Ctrl-] To Stop ...\n", stderr);
	int rc = go_on(watch, &terminal);
	terminal_end(&terminal);
	return rc;
}

static int
finish(const struct watch *watch, int rc)
{
	const struct cli *cli = watch->cli;

	if (rc == -ESTALE)
		return cli_fail_text(cli,
			"watch: store '%s' was removed: watch again once "
			"there is a new one",
			cli->store_name);
	if (rc == -EPIPE)
		return cli_fail_text(cli, "watch: nobody reads the output any "
					  "more: watch again");
	if (rc == -ETIMEDOUT && watch->call->given[OPTION_ONESHOT])
		return cli_fail_text(cli,
			"watch: key '%s' did not change within %" PRIu64
			" ms: try again, or give it more time",
			watch->key, watch->timeout_ms);
	if (rc == -ETIMEDOUT)
		return EXIT_DONE;
	/* Whoever waits for a change has not seen one. */
	if (!rc && watch->call->given[OPTION_ONESHOT] && !watch->done) {
		if (terminal_interrupted() && cli->mode == MODE_ONE)
			return terminal_die_of_interrupt();
		return EXIT_FAILED;
	}
	return rc < 0 ? cli_fail_key(cli, watch->call, watch->key, rc)
		      : EXIT_DONE;
}

static int
take_timeout(struct watch *watch)
{
	const char *text = watch->call->given[OPTION_TIMEOUT];
	uint64_t now = now_ms();

	watch->deadline_ms = UINT64_MAX;
	if (!text)
		return EXIT_DONE;
	int status = cli_duration(
		watch->cli, watch->call, "time", text, &watch->timeout_ms);
	if (!status && watch->timeout_ms < UINT64_MAX - now)
		watch->deadline_ms = now + watch->timeout_ms;
	return status;
}

int
cmd_watch(struct cli *cli, const struct call *call)
{
	struct watch watch = {
		.cli = cli,
		.call = call,
		.key = call->argv[0],
	};
	int status = take_timeout(&watch);

	if (status)
		return status;
	const char *since = call->given[OPTION_SINCE];
	if (since && (status = cli_number(cli, call, "epoch", since, 0,
			      UINT64_MAX, &watch.seen)))
		return status;
	/* Also when an epoch is given: is the key one at all? */
	uint64_t now;
	int rc = epoch_of(&watch, &now);
	if (!since)
		watch.seen = now;
	if (rc >= 0 || rc == -EAGAIN)
		rc = run(&watch);
	value_free(&watch.value);
	return finish(&watch, rc);
}
