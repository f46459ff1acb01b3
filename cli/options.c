/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <string.h>

/* clang-format off */
static const struct program_option options[] = {
	{"--use", 'u', "STORE", "the store to use"},
	{"--no-repl", 'n', NULL, "no prompt: one command, or a script on stdin"},
	{"--prefix", 0, "PREFIX", "stands before every key; lists only those"},
	{"--json", 0, NULL, "print data as JSON, one object a line"},
	{"--any-owner", 0, NULL, "use stores of other users too"},
	{"--history-file", 'H', "FILE", "where the prompt keeps its lines"},
	{"--history-len", 'l', "LINES", "how many it keeps; 0 for none"},
	{"--list-modules", 'L', NULL, "print the names of all commands"},
	{"--completion", 0, "SHELL", "print completion for bash, zsh or fish"},
	{"--complete", 0, "LINE", "print what can follow LINE, for these"},
	{"--help", 'h', NULL, "print this and exit"},
	{"--version", 'v', NULL, "print the version and exit"},
};
/* clang-format on */

const struct program_option *
options_at(size_t index)
{
	return index < sizeof(options) / sizeof(options[0]) ? &options[index]
							    : NULL;
}

const struct program_option *
options_find(const char *word)
{
	size_t len = strcspn(word, "=");
	const struct program_option *option;

	for (size_t i = 0; (option = options_at(i)); i++)
		if (strlen(option->name) == len &&
			!strncmp(option->name, word, len))
			return option;
	return NULL;
}

const struct program_option *
options_find_letter(char letter)
{
	const struct program_option *option;

	for (size_t i = 0; (option = options_at(i)); i++)
		if (option->letter && option->letter == letter)
			return option;
	return NULL;
}
