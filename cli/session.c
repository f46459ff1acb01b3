/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the store that is selected, opened when a command needs it and
 * in the way it needs it.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"

static void
close_store(struct cli *cli)
{
	spl_close(cli->store);
	cli->store = NULL;
	cli->writable = false;
}

int
cli_select(struct cli *cli, const char *name)
{
	char *copy = NULL;

	if (name && !(copy = strdup(name)))
		return cli_fail_text(cli, "no memory for a store's name: free "
					  "some");
	close_store(cli);
	free(cli->store_name);
	cli->store_name = copy;
	return EXIT_DONE;
}

void
cli_open_options(
	const struct cli *cli, bool writable, struct spl_options *options)
{
	spl_options_init(options);
	options->kind = cli->kind;
	options->flags = (writable ? 0U : SPL_READ_ONLY) |
			 (cli->any_owner ? SPL_ANY_OWNER : 0U);
}

struct cli
cli_without_store(const struct cli *cli)
{
	struct cli other = *cli;

	other.store_name = NULL;
	other.store = NULL;
	other.writable = false;
	return other;
}

void
cli_replace(struct cli *cli, const struct cli *other)
{
	cli_release(cli);
	*cli = *other;
}

static int
open_store(struct cli *cli, bool writable)
{
	struct spl_options options;

	cli_open_options(cli, writable, &options);
	int rc = spl_open(cli->store_name, &options, &cli->store);
	if (rc >= 0)
		cli->writable = writable;
	return rc;
}

/* For writing if that is wanted, for reading if that is enough. */
static int
open_for(struct cli *cli, enum access access)
{
	int rc = open_store(cli, access != ACCESS_READ);

	if (access == ACCESS_BEST && (rc == -EACCES || rc == -EROFS))
		rc = open_store(cli, false);
	return rc;
}

/* Its name is gone, or leads to another: who has it open is alone with it. */
bool
cli_store_is_removed(const struct cli *cli)
{
	const char *dir = cli->kind == SPL_MEMORY ? "/dev/shm/" : "";
	char path[PATH_MAX + 16];
	struct stat own;
	struct stat named;

	snprintf(path, sizeof(path), "%s%s", dir, cli->store_name);
	if (fstat(spl_fd(cli->store), &own))
		return false;
	if (stat(path, &named))
		return errno == ENOENT;
	return own.st_dev != named.st_dev || own.st_ino != named.st_ino;
}

static int
fail_no_store(const struct cli *cli, const char *command)
{
	if (cli->mode != MODE_ONE)
		return cli_usage(cli,
			"%s: no store selected: write 'use STORE' first, or "
			"'init STORE' for a new one",
			command);
	return cli_usage(cli,
		"%s: no store selected: name one with '%s --use STORE %s', or "
		"in SPLINTER_DEFAULT_STORE",
		command, cli->program, command);
}

int
cli_need(struct cli *cli, const struct call *call, enum access access)
{
	const char *command = call->command->name;
	bool removed = cli->store && cli_store_is_removed(cli);

	if (access == ACCESS_NONE)
		return EXIT_DONE;
	if (!cli->store_name)
		return fail_no_store(cli, command);
	if (cli->store && !removed && (cli->writable || access == ACCESS_READ))
		return EXIT_DONE;
	close_store(cli);
	int rc = open_for(cli, access);
	if (rc >= 0) {
		if (removed)
			cli_note("%s: store '%s' was removed and made anew: "
				 "now connected to the new one",
				command, cli->store_name);
		return EXIT_DONE;
	}
	const struct failure failure = {
		.doing = removed ? DOING_OPEN_AGAIN : DOING_OPEN,
		.code = rc,
		.command = command,
		.store = cli->store_name,
	};
	return cli_fail(cli, &failure);
}

const char *
cli_key_shown(const struct cli *cli, const char *key)
{
	size_t len = strlen(cli->prefix);

	return strncmp(key, cli->prefix, len) ? key : key + len;
}

void
cli_release(struct cli *cli)
{
	close_store(cli);
	free(cli->store_name);
	cli->store_name = NULL;
}
