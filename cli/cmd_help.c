/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "suggest.h"
#include "text.h"

void
cli_print_commands(void)
{
	const struct command *command;

	for (size_t i = 0; (command = cli_command_at(i)); i++)
		printf("%-9s%-28s%s\n", command->name, command->words,
			command->summary);
}

/* In lines of a terminal's usual width, broken before an option or word. */
static void
print_synopsis(const char *text)
{
	enum { WIDTH = 79 };
	size_t column = 0;

	while (*text) {
		const char *next = strstr(text + 1, " [");
		size_t len = next ? (size_t)(next - text) : strlen(text);

		if (column + len > WIDTH)
			column = (size_t)printf("\n       ") - 1;
		printf("%.*s", (int)len, text);
		column += len;
		text += len;
	}
	putchar('\n');
}

static void
print_short(const struct command *command)
{
	char synopsis[CLI_SYNOPSIS_MAX];

	cli_synopsis(command, synopsis);
	print_synopsis(synopsis);
	printf("    %s\n", command->summary);
	if (command->alias)
		printf("    Also: %s\n", command->alias);
}

static void
print_details(const char *details)
{
	while (*details) {
		int len = (int)strcspn(details, "\n");

		printf("    %.*s\n", len, details);
		details += len + 1;
	}
}

static void
print_extended(const struct command *command)
{
	const struct option_row *option;
	char left[32];

	print_short(command);
	puts("");
	print_details(command->details);
	puts("");
	for (size_t i = 0; (option = cli_option_at(i)); i++) {
		if (!cli_takes(command, i))
			continue;
		snprintf(left, sizeof(left), "%s%s%s", option->name,
			option->word ? " " : "",
			option->word ? option->word : "");
		printf("    %-20s%s\n", left, option->summary);
	}
}

static void
print_json(const struct command *command, bool extended)
{
	const struct option_row *option;
	struct json json;
	char options[256] = "";
	size_t len = 0;

	for (size_t i = 0; (option = cli_option_at(i)); i++)
		if (cli_takes(command, i))
			len += (size_t)snprintf(options + len,
				sizeof(options) - len, "%s%s", len ? " " : "",
				option->name);
	json_begin(&json);
	json_string(&json, "name", command->name);
	if (command->alias)
		json_string(&json, "alias", command->alias);
	json_string(&json, "words", command->words);
	json_string(&json, "options", options);
	json_string(&json, "summary", command->summary);
	if (extended)
		json_string(&json, "details", command->details);
	json_end(&json);
}

int
cli_explain(const struct call *call)
{
	if (call->given[OPTION_JSON])
		print_json(call->command, true);
	else
		print_extended(call->command);
	return EXIT_DONE;
}

static void
list_commands(const struct cli *cli, const struct call *call)
{
	const struct command *command;
	const char *run = cli_run_prefix(cli);

	if (!call->given[OPTION_JSON]) {
		cli_print_commands();
		printf("\n'%shelp COMMAND' says what a command takes,\n"
		       "'%shelp ext COMMAND' says all of it.\n",
			run, run);
		return;
	}
	for (size_t i = 0; (command = cli_command_at(i)); i++)
		print_json(command, false);
}

static int
fail_command(const struct cli *cli, const char *name)
{
	const char *close = suggest_command(name);

	if (close)
		return cli_usage(cli,
			"help: unknown command '%s': did you mean '%s'?", name,
			close);
	return cli_usage(cli,
		"help: unknown command '%s': '%shelp' lists the commands", name,
		cli_run_prefix(cli));
}

int
cmd_help(struct cli *cli, const struct call *call)
{
	bool extended = call->argc > 1 && !strcmp(call->argv[0], "ext");

	if (!call->argc) {
		list_commands(cli, call);
		return EXIT_DONE;
	}
	if (call->argc == 1 && !strcmp(call->argv[0], "ext"))
		return cli_usage(cli,
			"help: ext of what? Write '%shelp ext "
			"COMMAND'",
			cli_run_prefix(cli));
	if (call->argc > 1 && !extended)
		return cli_usage(cli,
			"help: too many words: write '%shelp "
			"COMMAND' or '%shelp ext COMMAND'",
			cli_run_prefix(cli), cli_run_prefix(cli));
	const char *name = call->argv[call->argc - 1];
	const struct command *command = cli_command_find(name);
	if (!command)
		return fail_command(cli, name);
	if (call->given[OPTION_JSON])
		print_json(command, extended);
	else if (extended)
		print_extended(command);
	else
		print_short(command);
	return EXIT_DONE;
}
