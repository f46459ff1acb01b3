/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - what a command is, and what every command is handed.
 *
 * A command is one row of the table in commands.c. The row drives dispatch,
 * the count of its words, opening of the store, and help; a command's own
 * file has only its function. Nothing but spl.h is used of the library.
 *
 * Data goes to stdout, all else to stderr. A function returns an exit
 * status, and whatever is not EXIT_DONE has been explained on stderr.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spl.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2 /* an unknown word, or too many, or none */
};

/* What `init` makes, and `destroy` removes, when no store is named. */
#define CLI_DEFAULT_STORE "splinter_debug"

/* How a command wants the selected store. */
enum access {
	ACCESS_NONE, /* it needs no store */
	ACCESS_READ, /* only reads, so a read-only open will do */
	ACCESS_BEST, /* only reads, but does it better when it may write */
	ACCESS_WRITE
};

/* Options of commands, as bits; their names are in commands.c. */
enum { OPTION_ONESHOT = 1 };

/* One run of the program: under which name, on which store. */
struct cli {
	const char *program; /* as it was called, without the directory */
	uint32_t kind; /* SPL_MEMORY or SPL_FILE */
	char *store_name; /* selected; null: none */
	spl_store *store; /* open; null: not yet */
	bool writable; /* how store is open */
};

struct command;

/* One use of a command: its row, then its words without the options. */
struct call {
	const struct command *command;
	int argc;
	char **argv; /* argv[0] is the first word after the name */
	unsigned options;
};

struct command {
	const char *name;
	const char *words; /* synopsis of what follows the name */
	const char *summary; /* one line */
	unsigned options; /* those that it takes */
	int min_words;
	int max_words;
	enum access access;
	int (*run)(struct cli *cli, const struct call *call);
};

/*
 * commands.c - the table. cli_command_at() returns null behind the last row,
 * cli_command_find() for an unknown name. cli_run() takes one command with
 * its words and does all of it: argv[0] is the command's name.
 */
const struct command *cli_command_at(size_t index);
const struct command *cli_command_find(const char *name);
int cli_run(struct cli *cli, int argc, char **argv);

/*
 * session.c - the selected store. cli_select() keeps a copy of @name (null:
 * none) and closes what was open; cli_need() opens the selected store unless
 * it is open well enough. Both explain what fails and return a status.
 */
int cli_select(struct cli *cli, const char *name);
int cli_need(struct cli *cli, const struct call *call, enum access access);
void cli_release(struct cli *cli);

/*
 * number.c - a whole decimal number between @min and @max, nothing else:
 * no sign, no space, no unit. @what names it in the message.
 */
int cli_number(const struct cli *cli, const struct call *call, const char *what,
	const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* cmd_help.c - the table, a line a command. */
void cli_print_commands(void);

/* The commands, one function each, in cmd_<name>.c. */
int cmd_config(struct cli *cli, const struct call *call);
int cmd_destroy(struct cli *cli, const struct call *call);
int cmd_get(struct cli *cli, const struct call *call);
int cmd_head(struct cli *cli, const struct call *call);
int cmd_help(struct cli *cli, const struct call *call);
int cmd_init(struct cli *cli, const struct call *call);
int cmd_list(struct cli *cli, const struct call *call);
int cmd_set(struct cli *cli, const struct call *call);
int cmd_stores(struct cli *cli, const struct call *call);
int cmd_unset(struct cli *cli, const struct call *call);
int cmd_use(struct cli *cli, const struct call *call);
int cmd_watch(struct cli *cli, const struct call *call);

#endif
