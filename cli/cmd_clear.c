/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_clear.c - clear and quit: what only changes the prompt's own state.
 */
#include <stdio.h>
#include <unistd.h>

#include "command.h"

/* ECMA-48: home, erase the display; xterm's: erase what scrolled away. */
int
cmd_clear(struct cli *cli, const struct call *call)
{
	(void)cli;
	(void)call;
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J\033[3J", stdout);
	return EXIT_DONE;
}

int
cmd_quit(struct cli *cli, const struct call *call)
{
	(void)call;
	cli->leaving = true;
	return EXIT_DONE;
}
