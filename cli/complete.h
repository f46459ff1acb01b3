/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete.h - what can follow in a line that is being typed, read off the
 * tables of commands and options. The first two are hooks of the editor,
 * with struct cli as their context.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "editor.h"

struct cli;

/* Commands, options, stores, live keys. 0 or a negative errno. */
int complete_line(void *context, const char *line, size_t cursor,
	struct editor_choices *choices);

/* The words that the command still takes. */
const char *complete_hint(void *context, const char *line, size_t cursor);

/*
 * For the completion scripts of shells: @line is a command line from the
 * program's name to the cursor. Prints a choice a line, quoted, with a tab
 * and what it means behind it. Returns a status.
 */
int complete_for_shell(struct cli *cli, const char *line);

#endif
