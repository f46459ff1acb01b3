/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - the table of commands, and how one of its rows is run.
 *
 * A command's options stand before its words, and "--" ends them. So a
 * value may begin with a dash as it is, and a key behind "--".
 */
#include <stdio.h>
#include <string.h>

#include "message.h"

/* clang-format off */
static const struct command commands[] = {
	{ "config", "[av 0|1]",
	  "show settings and counters; set auto-vacuum",
	  0, 0, 2, ACCESS_READ, cmd_config },
	{ "destroy", "[STORE]",
	  "remove a store (the selected one)",
	  0, 0, 1, ACCESS_NONE, cmd_destroy },
	{ "get", "KEY",
	  "print a value as LENGTH:BYTES",
	  0, 1, 1, ACCESS_READ, cmd_get },
	{ "head", "KEY",
	  "print a key's hash, epoch, place and length",
	  0, 1, 1, ACCESS_READ, cmd_head },
	{ "help", "[COMMAND]",
	  "print all commands, or what one takes",
	  0, 0, 1, ACCESS_NONE, cmd_help },
	{ "init", "[STORE] [SLOTS] [MAX_VALUE]",
	  "create a store (splinter_debug 1024 4096)",
	  0, 0, 3, ACCESS_NONE, cmd_init },
	{ "list", "[PATTERN]",
	  "print keys, or those matching an ERE",
	  0, 0, 1, ACCESS_READ, cmd_list },
	{ "set", "KEY VALUE",
	  "give a key a value",
	  0, 2, 2, ACCESS_WRITE, cmd_set },
	{ "stores", "",
	  "print the stores there are",
	  0, 0, 0, ACCESS_NONE, cmd_stores },
	{ "unset", "KEY",
	  "remove a key",
	  0, 1, 1, ACCESS_WRITE, cmd_unset },
	{ "use", "STORE",
	  "select a store",
	  0, 1, 1, ACCESS_NONE, cmd_use },
	{ "watch", "[--oneshot] KEY",
	  "print changes until Ctrl-] or Ctrl-C",
	  OPTION_ONESHOT, 1, 1, ACCESS_BEST, cmd_watch },
};
/* clang-format on */

static const struct {
	const char *name;
	unsigned bit;
} options[] = {
	{"--oneshot", OPTION_ONESHOT},
};

const struct command *
cli_command_at(size_t index)
{
	return index < sizeof(commands) / sizeof(commands[0]) ? &commands[index]
							      : NULL;
}

const struct command *
cli_command_find(const char *name)
{
	const struct command *command;

	for (size_t i = 0; (command = cli_command_at(i)); i++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

/* The bit of an option that the command takes, else 0. */
static unsigned
option_bit(const struct command *command, const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(options[i].name, word))
			return options[i].bit & command->options;
	return 0;
}

static const char *
space_before(const char *words)
{
	return *words ? " " : "";
}

static int
take_options(const struct cli *cli, struct call *call)
{
	const struct command *command = call->command;

	while (call->argc && !strncmp(call->argv[0], "--", 2)) {
		const char *word = call->argv[0];
		unsigned bit = option_bit(command, word);

		if (!bit && word[2])
			return cli_usage(cli,
				"%s: unknown option '%s': write "
				"'%s %s%s%s', with '--' before a "
				"word that begins with dashes",
				command->name, word, cli->program,
				command->name, space_before(command->words),
				command->words);
		call->options |= bit;
		call->argc--;
		call->argv++;
		if (!word[2])
			break;
	}
	return EXIT_DONE;
}

static int
count_words(const struct cli *cli, const struct call *call)
{
	const struct command *command = call->command;

	if (call->argc < command->min_words)
		return cli_usage(cli, "%s: too few words: write '%s %s %s'",
			command->name, cli->program, command->name,
			command->words);
	if (call->argc > command->max_words)
		return cli_usage(cli,
			"%s: too many words: write '%s %s%s%s', with "
			"quotes around a word that contains spaces",
			command->name, cli->program, command->name,
			space_before(command->words), command->words);
	return EXIT_DONE;
}

int
cli_run(struct cli *cli, int argc, char **argv)
{
	struct call call = {
		.command = cli_command_find(argv[0]),
		.argc = argc - 1,
		.argv = argv + 1,
	};
	int status;

	if (!call.command)
		return cli_usage(cli,
			"unknown command '%s': '%s help' lists the "
			"commands",
			argv[0], cli->program);
	if ((status = take_options(cli, &call)) ||
		(status = count_words(cli, &call)) ||
		(status = cli_need(cli, &call, call.command->access)))
		return status;
	return call.command->run(cli, &call);
}
