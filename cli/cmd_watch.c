/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_watch.c - prints what keys become, as a feed tells it.
 *
 * --since is a feed that begins with the key as it is: what is told of it is
 * a change if its epoch is not the one that was seen, and of a key that is
 * not there nothing is told, which is a removal if one was seen.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "terminal.h"
#include "watch_event.h"
#include "watch_keys.h"

enum {
	SLICE_MS = 100, /* between two looks at keyboard and signals */
	BATCH = 64 /* events between two flushes */
};

struct watch {
	struct cli *cli;
	const struct call *call;
	struct watch_keys keys;
	spl_feed *feed;
	uint64_t since; /* of --since, the epoch that was seen */
	uint64_t from; /* of --from; UINT64_MAX: not given */
	uint64_t began; /* the store's last change before the watch */
	uint64_t timeout_ms;
	uint64_t deadline_ms; /* UINT64_MAX: none */
	bool settling; /* what is there already is still being told */
	bool catching_up; /* with what was missed */
	bool met; /* --since has been told of the key */
	bool done; /* --oneshot has had its shot */
};

static bool
has(const struct watch *watch, enum option_index option)
{
	return watch->call->given[option];
}

/* --- Events ------------------------------------------------------------- */

static void
print_as(
	const struct watch *watch, const struct spl_event *event, uint32_t what)
{
	const struct watch_event shown = {
		.event = event,
		.what = what,
		.key = watch_keys_shown(&watch->keys, event->key),
		.named = !watch->keys.one,
		.early = event->sequence <= watch->began,
	};

	if (has(watch, OPTION_JSON))
		watch_event_json(&shown);
	else
		watch_event_text(&shown);
}

/* The first that --since is told of the key; false: that was seen. */
static bool
print_first(struct watch *watch, const struct spl_event *event)
{
	bool is_seen = event->what == SPL_PRESENT && !watch->met &&
		       event->epoch == watch->since;
	uint32_t what = event->what == SPL_PRESENT ? (uint32_t)SPL_CHANGED
						   : event->what;

	watch->met = true;
	if (!is_seen)
		print_as(watch, event, what);
	return !is_seen;
}

static void
take_key(struct watch *watch, const struct spl_event *event)
{
	if (!watch_keys_shown(&watch->keys, event->key))
		return;
	if (watch->settling && has(watch, OPTION_SINCE)) {
		if (print_first(watch, event))
			watch->done = true;
		return;
	}
	print_as(watch, event, event->what);
	if (!watch->settling)
		watch->done = true;
}

/* --since: a key that was seen and is not there. */
static void
take_absence(struct watch *watch, const struct spl_event *synced)
{
	struct spl_event event = {.sequence = synced->sequence};

	if (watch->met || !watch->since)
		return;
	memcpy(event.key, watch->keys.one, strlen(watch->keys.one) + 1);
	print_as(watch, &event, SPL_UNSET);
	watch->done = true;
}

static void
take_synced(struct watch *watch, const struct spl_event *event)
{
	bool first = watch->settling;

	watch->settling = watch->catching_up = false;
	if (first && has(watch, OPTION_SINCE)) {
		take_absence(watch, event);
		return;
	}
	print_as(watch, event, event->what);
	if (first)
		watch->done = true;
}

static void
take_event(struct watch *watch, const struct spl_event *event)
{
	if (event->what == SPL_SYNCED)
		take_synced(watch, event);
	else if (event->what == SPL_MISSED) {
		watch->catching_up = true; /* up to SPL_SYNCED */
		print_as(watch, event, event->what);
	} else
		take_key(watch, event);
}

/* --- Waiting ------------------------------------------------------------ */

static uint64_t
now_ms(void)
{
	return cli_now_ns() / 1000000;
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

static bool
is_over(const struct watch *watch)
{
	return has(watch, OPTION_ONESHOT) && watch->done;
}

/* Waits one slice for events, and prints those that come: how many, or why. */
static int
look(struct watch *watch)
{
	struct spl_event events[BATCH];
	int count = spl_feed_read(watch->feed, events, BATCH, slice_ms(watch));

	for (int i = 0; i < count && !is_over(watch); i++)
		take_event(watch, &events[i]);
	return count;
}

/* No more time. What was there when the watch began is told in any case. */
static bool
is_late(const struct watch *watch, int count)
{
	struct spl_feed_stat stat;

	if (now_ms() < watch->deadline_ms)
		return false;
	if (watch->settling || watch->catching_up)
		return false;
	return !count || spl_feed_info(watch->feed, &stat) < 0 ||
	       stat.sequence >= watch->began;
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
	while (!terminal_stop(terminal) && !is_over(watch)) {
		int count = look(watch);

		/* A reader of stdout that has gone shows in main(). */
		if (count < 0 || fflush(stdout))
			return count < 0 ? count : 0;
		if (is_unread()) {
			/* What a write would have raised. */
			raise(SIGPIPE);
			return -EPIPE;
		}
		if (cli_store_is_removed(watch->cli))
			return -EIDRM;
		if (!is_over(watch) && is_late(watch, count))
			return -ETIMEDOUT;
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

/* --- From words to a feed and back to a status -------------------------- */

static int
fail_late(const struct watch *watch)
{
	if (watch->keys.one)
		return cli_fail_text(watch->cli,
			"watch: key '%s' did not change within %" PRIu64
			" ms: try again, or give it more time",
			watch->keys.one, watch->timeout_ms);
	return cli_fail_text(watch->cli,
		"watch: no key that matches changed within %" PRIu64
		" ms: try again, or give it more time",
		watch->timeout_ms);
}

static int
fail_future(const struct watch *watch)
{
	return cli_fail_text(watch->cli,
		"watch: sequence %" PRIu64 " is still to come, store '%s' has "
		"come to %" PRIu64 ": give one that a watch of this store has "
		"printed",
		watch->from, watch->cli->store_name, watch->began);
}

static int
finish(const struct watch *watch, int rc)
{
	const struct cli *cli = watch->cli;

	if (rc == -EIDRM)
		return cli_fail_text(cli,
			"watch: store '%s' was removed: watch again once "
			"there is a new one",
			cli->store_name);
	if (rc == -EPIPE)
		return cli_fail_text(cli, "watch: nobody reads the output any "
					  "more: watch again");
	if (rc == -ERANGE)
		return fail_future(watch);
	if (rc == -ETIMEDOUT && has(watch, OPTION_ONESHOT))
		return fail_late(watch);
	if (rc == -ETIMEDOUT)
		return EXIT_DONE;
	/* Whoever waits for a change has not seen one. */
	if (!rc && has(watch, OPTION_ONESHOT) && !watch->done) {
		if (terminal_interrupted() && cli->mode == MODE_ONE)
			return terminal_die_of_interrupt();
		return EXIT_FAILED;
	}
	return rc < 0 ? cli_fail_key(cli, watch->call, watch->keys.one, rc)
		      : EXIT_DONE;
}

static int
open_feed(struct watch *watch)
{
	struct spl_feed_options options;
	struct spl_store_stat stat;

	watch->settling =
		has(watch, OPTION_SINCE) || has(watch, OPTION_FROM_SNAPSHOT);
	spl_feed_options_init(&options);
	options.flags = SPL_FEED_VALUES;
	if (watch->settling)
		options.flags |= SPL_FEED_SNAPSHOT;
	options.since = watch->from;
	watch_keys_follow(&watch->keys, &options);
	int rc = spl_store_info(watch->cli->store, &stat);
	if (rc < 0)
		return rc;
	watch->began = stat.epoch;
	return spl_feed_open(watch->cli->store, &options, &watch->feed);
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

/* Where to begin: one of three options, or now. */
static int
take_beginning(struct watch *watch)
{
	const struct cli *cli = watch->cli;
	const struct call *call = watch->call;
	const char *since = call->given[OPTION_SINCE];
	const char *from = call->given[OPTION_FROM];

	watch->from = UINT64_MAX;
	if (!!since + !!from + has(watch, OPTION_FROM_SNAPSHOT) > 1)
		return cli_usage(cli, "watch: --since, --from and "
				      "--from-snapshot each say where to "
				      "begin: give one of them");
	if (since && !watch->keys.one)
		return cli_usage(cli, "watch: --since is the epoch of one key: "
				      "give just that key, or --from SEQUENCE "
				      "for several");
	if (since)
		return cli_number(cli, call, "epoch", since, 0, UINT64_MAX,
			&watch->since);
	if (from)
		return cli_number(cli, call, "sequence", from, 0,
			UINT64_MAX - 1, &watch->from);
	return EXIT_DONE;
}

int
cmd_watch(struct cli *cli, const struct call *call)
{
	struct watch watch = {.cli = cli, .call = call};
	int status = take_timeout(&watch);

	if (!status)
		status = watch_keys_take(&watch.keys, cli, call);
	if (!status)
		status = take_beginning(&watch);
	if (!status) {
		int rc = open_feed(&watch);

		if (rc >= 0)
			rc = run(&watch);
		spl_feed_close(watch.feed);
		status = finish(&watch, rc);
	}
	watch_keys_free(&watch.keys);
	return status;
}
