/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1

#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "message.h"
#include "terminal.h"
#include "text.h"

/* Room for @len bytes. What was there goes: it is about to be replaced. */
static int
make_room(struct value *value, size_t len)
{
	free(value->bytes);
	value->cap = len ? len : 1;
	value->bytes = malloc(value->cap);
	if (value->bytes)
		return 0;
	value->cap = 0;
	return -ENOMEM;
}

int
value_get(struct value *value, spl_store *store, const char *key,
	struct spl_key_stat *stat)
{
	/*
	 * Without memory the first round only asks for the size. Each later
	 * one has more room than the one before, and values have a limit.
	 */
	for (;;) {
		bool asked = !value->bytes;
		int rc = spl_read(store, key, value->bytes, value->cap, stat);

		if (rc < 0 && rc != -EMSGSIZE)
			return rc;
		value->len = stat->len;
		if (rc >= 0 && !asked)
			return 0;
		if ((rc = make_room(value, stat->len)))
			return rc;
	}
}

static int
grow(struct value *value, size_t most)
{
	size_t cap = value->cap ? 2 * value->cap : 65536;

	if (cap > most)
		cap = most;
	char *bytes = realloc(value->bytes, cap);
	if (!bytes)
		return -ENOMEM;
	value->bytes = bytes;
	value->cap = cap;
	return 0;
}

/* All that is in @fd, but no more than @most bytes. */
static int
read_all(struct value *value, int fd, size_t most)
{
	ssize_t got;
	int rc;

	do {
		if (value->len == value->cap && (rc = grow(value, most)))
			return rc;
		if (terminal_interrupted())
			return -EINTR;
		got = read(
			fd, value->bytes + value->len, value->cap - value->len);
		if (got < 0)
			return -errno;
		value->len += (size_t)got;
	} while (got && value->len < most);
	return 0;
}

static int
fail_to_read(const struct cli *cli, const struct call *call, const char *where,
	int code)
{
	return cli_fail_text(cli, "%s: cannot read %s: %s: nothing was changed",
		call->command->name, where,
		code == -EINTR ? "interrupted" : strerror(-code));
}

/* One byte more than the store takes tells that there are too many. */
static int
read_value(struct value *value, const struct cli *cli, const struct call *call,
	int fd, const char *where)
{
	struct spl_store_stat stat;
	int rc = spl_store_info(cli->store, &stat);

	if (rc < 0)
		return cli_fail_key(cli, call, call->argv[0], rc);
	rc = read_all(value, fd, stat.max_value + 1);
	if (rc < 0)
		return fail_to_read(cli, call, where, rc);
	if (value->len > stat.max_value)
		return cli_fail_key(cli, call, call->argv[0], -EMSGSIZE);
	return EXIT_DONE;
}

static int
read_stdin(struct value *value, const struct cli *cli, const struct call *call)
{
	if (cli->mode == MODE_SCRIPT)
		return cli_usage(cli,
			"%s: standard input is the script: give the value as "
			"a word, or as @FILE",
			call->command->name);
	if (cli->mode == MODE_PROMPT)
		cli_note("%s: type the value, then ctrl-d on a line of its own",
			call->command->name);
	int status =
		read_value(value, cli, call, STDIN_FILENO, "standard input");
	/* The rest of a value is no command. */
	if (status && cli->mode == MODE_PROMPT)
		tcflush(STDIN_FILENO, TCIFLUSH);
	return status;
}

static int
read_file(struct value *value, const struct cli *cli, const struct call *call,
	const char *path)
{
	char *where;
	int status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (asprintf(&where, "file '%s'", path) < 0)
		where = NULL;
	if (fd < 0)
		status = fail_to_read(cli, call, where ? where : path, -errno);
	else
		status = read_value(value, cli, call, fd, where ? where : path);
	if (fd >= 0)
		close(fd);
	free(where);
	return status;
}

static int
copy_word(struct value *value, const struct cli *cli, const struct call *call,
	const char *word)
{
	value->len = strlen(word);
	int rc = make_room(value, value->len);
	if (rc < 0)
		return cli_fail_key(cli, call, call->argv[0], rc);
	memcpy(value->bytes, word, value->len);
	return EXIT_DONE;
}

int
value_take(struct value *value, const struct cli *cli, const struct call *call,
	const char *word)
{
	if (!call->given[OPTION_LITERAL]) {
		if (!strcmp(word, "-"))
			return read_stdin(value, cli, call);
		if (*word == '@')
			return read_file(value, cli, call, word + 1);
	}
	return copy_word(value, cli, call, word);
}

void
value_print(const char *bytes, size_t len)
{
	printf("%zu:", len);
	if (isatty(STDOUT_FILENO))
		text_show(stdout, bytes, len, true);
	else
		text_write(bytes, len);
	putchar('\n');
}

void
value_free(struct value *value)
{
	free(value->bytes);
	*value = (struct value){0};
}
