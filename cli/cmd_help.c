/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "message.h"

void
cli_print_commands(void)
{
	const struct command *command;

	for (size_t i = 0; (command = cli_command_at(i)); i++)
		printf("%-8s%-28s%s\n", command->name, command->words,
			command->summary);
}

int
cmd_help(struct cli *cli, const struct call *call)
{
	if (!call->argc) {
		cli_print_commands();
		return EXIT_DONE;
	}
	const struct command *command = cli_command_find(call->argv[0]);
	if (!command)
		return cli_usage(cli,
			"help: unknown command '%s': '%s help' lists "
			"the commands",
			call->argv[0], cli->program);
	printf("%s%s%s\n    %s\n", command->name, *command->words ? " " : "",
		command->words, command->summary);
	return EXIT_DONE;
}
