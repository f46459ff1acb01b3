/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the program's own options, which stand before the command.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stddef.h>

struct program_option {
	const char *name; /* "--use" */
	char letter; /* "-u"; 0: none */
	const char *word; /* "STORE"; null: it takes none */
	const char *summary;
};

/* Null behind the last, and for an unknown name, which "--use=x" is not. */
const struct program_option *options_at(size_t index);
const struct program_option *options_find(const char *word);
const struct program_option *options_find_letter(char letter);

#endif
