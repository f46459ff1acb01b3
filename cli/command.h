/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - what a command is, and what every command is handed.
 *
 * A command is one row of the table in commands.c. The row drives dispatch,
 * the count of its words, opening of the store, help, hints, completion here
 * and in shells; a command's own file has only its function. Nothing but
 * spl.h is used of the library.
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

/* Options of commands; their names are in commands.c. */
enum option_index {
	OPTION_JSON, /* every command takes these two */
	OPTION_HELP,
	OPTION_BLOCKS, /* --count; OPTION_COUNT is how many there are */
	OPTION_CHANGES, /* --count as well */
	OPTION_DRY_RUN,
	OPTION_FAST,
	OPTION_FROM,
	OPTION_FROM_LINE, /* --from as well, of a file */
	OPTION_FROM_SNAPSHOT,
	OPTION_INTERVAL,
	OPTION_LITERAL,
	OPTION_MODE,
	OPTION_NAMES,
	OPTION_ONESHOT,
	OPTION_PARTIAL,
	OPTION_PATTERN,
	OPTION_POLICY,
	OPTION_QUIET,
	OPTION_RAW,
	OPTION_RECLAIM,
	OPTION_SINCE,
	OPTION_SPEED,
	OPTION_TIMEOUT,
	OPTION_TTL,
	OPTION_WRITERS,
	OPTION_COUNT
};
#define OPTION_BIT(option) (1U << (option))

/* What else a command is. */
enum {
	TRAIT_SPACED = 1, /* the prompt puts an empty line behind its output */
	TRAIT_PROMPT = 2 /* it only means something at the prompt */
};

/* Where commands come from. */
enum mode {
	MODE_ONE, /* the program's own words */
	MODE_SCRIPT, /* lines of standard input */
	MODE_PROMPT /* lines that somebody types */
};

struct history;

/* One run of the program: under which name, on which store. */
struct cli {
	const char *program; /* as it was called, without the directory */
	char run[48]; /* that and a space, to be put before a command */
	uint32_t kind; /* SPL_MEMORY or SPL_FILE */
	enum mode mode;
	size_t line; /* of the script, from 1 */
	bool json; /* for every command */
	bool any_owner; /* stores of other users too */
	bool leaving; /* the prompt is to end */
	bool output_failed; /* and it has been said */
	const char *prefix; /* stands before every key; "" for none */
	char *store_name; /* selected; null: none */
	spl_store *store; /* open; null: not yet */
	bool writable; /* how store is open */
	const char *history_file; /* null: in the home directory */
	const char *history_len; /* lines it keeps, not checked yet */
	struct history *history; /* lines entered; null: not read yet */
};

struct command;

/* One use of a command: its row, then its words without the options. */
struct call {
	const struct command *command;
	int argc;
	char **argv; /* argv[0] is the first word after the name */
	const char *given[OPTION_COUNT]; /* its word, or ""; null: not given */
};

struct command {
	const char *name;
	const char *alias; /* another name; null: none */
	/* What follows the name: those that may miss in [], the last with ...
	 * for any number of them. */
	const char *words;
	const char *summary; /* one line */
	const char *details; /* lines, for `help ext` */
	unsigned options; /* bits of those that it takes */
	unsigned traits;
	enum access access;
	int (*run)(struct cli *cli, const struct call *call);
};

/* An option of a command: "--timeout", "TIME" or null, one line. */
struct option_row {
	const char *name;
	const char *word;
	const char *summary;
};

/*
 * commands.c - the tables, and running a command. at() returns null behind
 * the last row, find() for an unknown name.
 *
 * cli_words_from() is the rest of a command's words from the one with that
 * index, counted from 0; null behind the last. cli_word() copies the name of
 * that one word without brackets and dots; false when there is none.
 * cli_repeats() says whether that word stands for any number. cli_takes() says
 * whether a command has an option. cli_synopsis() writes "name [--option] WORD
 * [WORD]", cut to fit.
 *
 * cli_run() takes one command with its words and does all of it: argv[0] is
 * the command's name. The words are not changed, their order may be.
 */
enum { CLI_WORD_MAX = 16, CLI_SYNOPSIS_MAX = 160 };

const struct command *cli_command_at(size_t index);
const struct command *cli_command_find(const char *name);
const struct option_row *cli_option_at(size_t index);
const char *cli_words_from(const struct command *command, int index);
bool cli_word(const struct command *command, int index, char *name);
bool cli_repeats(const struct command *command, int index);
bool cli_takes(const struct command *command, size_t option);
void cli_synopsis(const struct command *command, char *text);
int cli_run(struct cli *cli, int argc, char **argv);

/*
 * session.c - the selected store. cli_select() keeps a copy of @name (null:
 * none) and closes what was open; cli_need() opens the selected store unless
 * it is open well enough, and again when it was removed meanwhile. Both
 * explain what fails and return a status. cli_open_options() has what this
 * run says about opening.
 *
 * To try another store and keep the former unless that goes well: select in
 * what cli_without_store() returns, then cli_replace() or cli_release() it.
 *
 * cli_key_shown() is a key without the prefix that every key has here.
 */
int cli_select(struct cli *cli, const char *name);
struct cli cli_without_store(const struct cli *cli);
void cli_replace(struct cli *cli, const struct cli *other);
int cli_need(struct cli *cli, const struct call *call, enum access access);
bool cli_store_is_removed(const struct cli *cli);
void cli_open_options(
	const struct cli *cli, bool writable, struct spl_options *options);
const char *cli_key_shown(const struct cli *cli, const char *key);
void cli_release(struct cli *cli);

/*
 * number.c - whole numbers between @min and @max and nothing else: no space,
 * no other sign than that of a signed one; a K, M or G behind it stands for
 * 1024, its square, its cube. A duration may end in ms, s, m, h or d. @what
 * names it in the message. A time to live is a duration that is not 0.
 */
int cli_number(const struct cli *cli, const struct call *call, const char *what,
	const char *text, uint64_t min, uint64_t max, uint64_t *out);
int cli_signed(const struct cli *cli, const struct call *call, const char *what,
	const char *text, int64_t *out);
int cli_duration(const struct cli *cli, const struct call *call,
	const char *what, const char *text, uint64_t *out_ms);
int cli_ttl(const struct cli *cli, const struct call *call, const char *text,
	uint64_t *out_ms);
/* What durations are measured by: it also goes on while the machine sleeps. */
uint64_t cli_now_ns(void);

/* cmd_help.c - the table, a line a command; all about one of them. */
void cli_print_commands(void);
int cli_explain(const struct call *call);

/*
 * main.c - the line of --version. cli_flush() sends all output on its way and
 * returns @status, or explains, once, why it cannot be written.
 */
void cli_print_version(const struct cli *cli);
int cli_flush(struct cli *cli, int status);

/*
 * cmd_stores.c - calls @each with every store there is whose name begins with
 * @prefix, in order, until it returns false; counts those that are others'
 * and were passed over. Returns 0 or a negative errno.
 */
int cli_each_store(const struct cli *cli, const char *prefix,
	bool (*each)(void *context, const char *name, spl_store *store),
	void *context, size_t *foreign);

/* cmd_config.c - the names of what it prints; null behind the last. */
const char *cli_setting_at(size_t index);

/* cmd_import.c - what --policy takes; null behind the last. */
const char *cli_policy_at(size_t index);

/*
 * repl.c - the prompt, and scripts. cli_need_history() reads the lines that
 * were entered before, if it has not been done yet; cli_end_history() is due
 * in any case.
 */
int cli_prompt(struct cli *cli);
int cli_script(struct cli *cli);
int cli_need_history(struct cli *cli);
void cli_end_history(struct cli *cli);

/* shells.c - the completion script for a shell; a status. */
int cli_print_completion(const struct cli *cli, const char *shell);

/* The commands, one function each, in cmd_<name>.c. */
int cmd_append(struct cli *cli, const struct call *call);
int cmd_cas(struct cli *cli, const struct call *call);
int cmd_clear(struct cli *cli, const struct call *call);
int cmd_config(struct cli *cli, const struct call *call);
int cmd_copy(struct cli *cli, const struct call *call);
int cmd_destroy(struct cli *cli, const struct call *call);
int cmd_export(struct cli *cli, const struct call *call);
int cmd_get(struct cli *cli, const struct call *call);
int cmd_head(struct cli *cli, const struct call *call);
int cmd_help(struct cli *cli, const struct call *call);
int cmd_hist(struct cli *cli, const struct call *call);
int cmd_import(struct cli *cli, const struct call *call);
int cmd_incr(struct cli *cli, const struct call *call);
int cmd_init(struct cli *cli, const struct call *call);
int cmd_list(struct cli *cli, const struct call *call);
int cmd_quit(struct cli *cli, const struct call *call);
int cmd_record(struct cli *cli, const struct call *call);
int cmd_replay(struct cli *cli, const struct call *call);
int cmd_set(struct cli *cli, const struct call *call);
int cmd_stores(struct cli *cli, const struct call *call);
int cmd_top(struct cli *cli, const struct call *call);
int cmd_ttl(struct cli *cli, const struct call *call);
int cmd_unset(struct cli *cli, const struct call *call);
int cmd_use(struct cli *cli, const struct call *call);
int cmd_watch(struct cli *cli, const struct call *call);

#endif
