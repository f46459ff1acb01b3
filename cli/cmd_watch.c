/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_watch.c - prints what a key becomes.
 *
 * Each value is printed with the epoch known that it belongs to, so that
 * none is printed twice. Several changes in a row may show as the last one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "terminal.h"
#include "value.h"

enum {
	SLICE_MS = 100, /* between two looks at keyboard and signals */
	STEADY_TRIES = 100 /* reads that may each meet a new value */
};

struct watch {
	struct cli *cli;
	const struct call *call;
	const char *key;
	uint64_t seen; /* the epoch last printed, 0 for absent */
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

/*
 * Reads the value and the epoch that it has: an epoch never comes back, so
 * one that is the same before and after was so in between. If it never is,
 * the one before: then a value may be printed twice, but none is missed.
 */
static int
read_value(struct watch *watch, uint64_t *epoch)
{
	spl_store *store = watch->cli->store;
	uint64_t after = 0;
	int rc;

	for (int i = 0; i < STEADY_TRIES; i++) {
		if ((rc = epoch_of(watch, epoch)) < 0)
			return rc;
		if ((rc = value_get(&watch->value, store, watch->key)) < 0)
			return rc;
		if ((rc = epoch_of(watch, &after)) < 0)
			return rc;
		if (*epoch == after)
			break;
	}
	return 0;
}

/* What shows only on the next look, because it changes now. */
static bool
is_passing(int rc)
{
	return rc == -ENOENT || rc == -EAGAIN || rc == -ETIMEDOUT;
}

static void
report_removal(struct watch *watch)
{
	cli_note("watch: key '%s' was removed", watch->key);
	watch->seen = 0;
	watch->done = true;
}

/* Waits one slice for a change, and prints it if there is one. */
static int
look(struct watch *watch)
{
	uint64_t now;
	int rc = spl_wait(
		watch->cli->store, watch->key, watch->seen, SLICE_MS, &now);

	if (rc >= 0 && !now) {
		report_removal(watch);
		return 0;
	}
	if (rc >= 0)
		rc = read_value(watch, &now);
	if (rc < 0)
		return is_passing(rc) ? 0 : rc;
	watch->seen = now;
	watch->done = true;
	value_print(&watch->value);
	return 0;
}

/* Its name is gone: who has it open can only talk to himself. */
static bool
is_destroyed(const struct watch *watch)
{
	struct stat st;

	return !fstat(spl_fd(watch->cli->store), &st) && !st.st_nlink;
}

static int
run(struct watch *watch)
{
	bool oneshot = watch->call->options & OPTION_ONESHOT;
	struct terminal terminal;
	int rc = 0;

	terminal_begin(&terminal);
	if (terminal.present)
		fputs("Press Ctrl-] To Stop ...\n", stderr);
	while (!terminal_stop(&terminal) && !(oneshot && watch->done)) {
		/* A reader of stdout that has gone shows in main(). */
		if ((rc = look(watch)) < 0 || fflush(stdout))
			break;
		if (is_destroyed(watch)) {
			rc = -ESTALE;
			break;
		}
	}
	terminal_end(&terminal);
	return rc;
}

int
cmd_watch(struct cli *cli, const struct call *call)
{
	struct watch watch = {
		.cli = cli,
		.call = call,
		.key = call->argv[0],
	};
	int rc = epoch_of(&watch, &watch.seen);

	if (rc >= 0 || rc == -EAGAIN)
		rc = run(&watch);
	value_free(&watch.value);
	if (rc == -ESTALE) {
		cli_note("watch: store '%s' was removed: watch again once "
			 "there is a new one",
			cli->store_name);
		return EXIT_FAILED;
	}
	return rc < 0 ? cli_fail_key(cli, call, watch.key, rc) : EXIT_DONE;
}
