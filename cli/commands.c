/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - the table of commands, and how one of its rows is run.
 *
 * Options begin with two dashes and stand before a command's words or
 * between and behind them, but never behind the word before a VALUE: a
 * value may begin with dashes. "--" ends them, for keys that do.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options.h"
#include "suggest.h"

#define JSON OPTION_BIT(OPTION_JSON)
#define HELP OPTION_BIT(OPTION_HELP)
#define BLOCKS OPTION_BIT(OPTION_BLOCKS)
#define CHANGES OPTION_BIT(OPTION_CHANGES)
#define DRY_RUN OPTION_BIT(OPTION_DRY_RUN)
#define FAST OPTION_BIT(OPTION_FAST)
#define FROM OPTION_BIT(OPTION_FROM)
#define FROM_LINE OPTION_BIT(OPTION_FROM_LINE)
#define FROM_SNAPSHOT OPTION_BIT(OPTION_FROM_SNAPSHOT)
#define INTERVAL OPTION_BIT(OPTION_INTERVAL)
#define LITERAL OPTION_BIT(OPTION_LITERAL)
#define MODE OPTION_BIT(OPTION_MODE)
#define NAMES OPTION_BIT(OPTION_NAMES)
#define ONESHOT OPTION_BIT(OPTION_ONESHOT)
#define PARTIAL OPTION_BIT(OPTION_PARTIAL)
#define PATTERN OPTION_BIT(OPTION_PATTERN)
#define POLICY OPTION_BIT(OPTION_POLICY)
#define QUIET OPTION_BIT(OPTION_QUIET)
#define RAW OPTION_BIT(OPTION_RAW)
#define RECLAIM OPTION_BIT(OPTION_RECLAIM)
#define SINCE OPTION_BIT(OPTION_SINCE)
#define SPEED OPTION_BIT(OPTION_SPEED)
#define TIMEOUT OPTION_BIT(OPTION_TIMEOUT)
#define TTL OPTION_BIT(OPTION_TTL)
#define WRITERS OPTION_BIT(OPTION_WRITERS)

#define VALUE_WORD                                                             \
	"VALUE - is standard input to its end, and @FILE what is in FILE. "    \
	"Say\n"                                                                \
	"--literal for a value that may begin like these, such as one that\n"  \
	"comes from elsewhere.\n"

/* clang-format off */
static const struct command commands[] = {
	{ "append", NULL, "KEY VALUE", "add bytes behind a value",
	  "Atomic beside other writers. A key that is not there counts as\n"
	  "empty. Prints the new length.\n"
	  VALUE_WORD
	  "  append log 'one line more'\n",
	  LITERAL, 0, ACCESS_WRITE, cmd_append },
	{ "cas", NULL, "KEY EPOCH VALUE", "set a key if its epoch is EPOCH",
	  "Compare and set: nobody else's change is lost. Epoch 0 sets only a\n"
	  "key that is not there. Prints the new epoch; fails when the epoch\n"
	  "was another, and says which. `head` shows a key's epoch.\n"
	  VALUE_WORD
	  "  cas lock 0 \"$$\"\n",
	  LITERAL, 0, ACCESS_WRITE, cmd_cas },
	{ "clear", "cls", "", "clear the screen",
	  "Clears the terminal and what can be scrolled back to. Does nothing\n"
	  "when standard output is none.\n",
	  0, 0, ACCESS_NONE, cmd_clear },
	{ "config", NULL, "[SETTING] [0|1]",
	  "show settings and counters; set auto-vacuum",
	  "Without words a line for each, with SETTING the value of that one.\n"
	  "Only av (auto_vacuum) can be set: 1 or on, 0 or off. It is on in a\n"
	  "new store; then no byte of former keys and values stays in it.\n"
	  "  config av 0\n"
	  "  config keys\n",
	  0, TRAIT_SPACED, ACCESS_READ, cmd_config },
	{ "copy", NULL, "KEY STORE [NEWKEY]", "copy a key into another store",
	  "With its value and the time that it has left, under another name with\n"
	  "NEWKEY. STORE is as for `use`, or the path of a file, with a '/'.\n"
	  "  copy config demo2\n"
	  "  copy config ./saved.store config_monday\n",
	  0, 0, ACCESS_READ, cmd_copy },
	{ "destroy", NULL, "[STORE]", "remove a store",
	  "Without STORE the selected one, else " CLI_DEFAULT_STORE ". Whoever has\n"
	  "it open keeps it until he closes it. What is no store is left alone.\n"
	  "  destroy demo\n",
	  0, 0, ACCESS_NONE, cmd_destroy },
	{ "export", NULL, "[FILE] [PATTERN]", "write keys with their values",
	  "As lines of JSON, one a key, to standard output (-) or to FILE, which\n"
	  "appears whole or stays as it was. One that ends in .gz or .zst is\n"
	  "packed. PATTERN is a regular expression as in `list`. Each value is\n"
	  "whole, but not all are of the same moment.\n"
	  "  export backup.gz\n"
	  "  export - ^user | jq .key\n",
	  QUIET, 0, ACCESS_READ, cmd_export },
	{ "get", NULL, "KEY", "print a value as LENGTH:BYTES",
	  "On a terminal, bytes that would control it are shown as \\xNN.\n"
	  "  get foo\n"
	  "  get --raw picture >picture.png\n",
	  RAW, TRAIT_SPACED, ACCESS_READ, cmd_get },
	{ "head", NULL, "KEY", "print a key's hash, epoch, place and length",
	  "The hash is FNV-1a of 64 bits; the epoch is the key's version, 2\n"
	  "more with each set; val_off is where the value begins in the store.\n"
	  "  head foo\n",
	  0, TRAIT_SPACED, ACCESS_READ, cmd_head },
	{ "help", NULL, "[ext] [COMMAND]",
	  "list the commands, or explain one",
	  "`help COMMAND` says what it takes, `help ext COMMAND` all of it.\n"
	  "  help ext set\n",
	  0, TRAIT_SPACED, ACCESS_NONE, cmd_help },
	{ "hist", NULL, "[PATTERN]", "print the lines entered before",
	  "PATTERN is a POSIX extended regular expression. The lines are kept\n"
	  "in a file, see --history-file; those that begin with a space are\n"
	  "not.\n"
	  "  hist ^set\n",
	  0, TRAIT_SPACED, ACCESS_NONE, cmd_hist },
	{ "import", NULL, "FILE [PATTERN]", "set what `export` has written",
	  "FILE may be packed, and - is standard input. All of it is checked\n"
	  "first: when a line is wrong or does not fit, nothing is changed, or\n"
	  "only that line is left out with --partial. A key that exists is\n"
	  "replaced (--policy source), kept (destination), replaced if its epoch\n"
	  "is lower than the line's (newest), or an error (fail). Times to live\n"
	  "go on to the same end.\n"
	  "  import backup.gz\n"
	  "  import --dry-run --policy newest - ^user\n",
	  DRY_RUN | FROM_LINE | PARTIAL | POLICY | QUIET, 0, ACCESS_READ,
	  cmd_import },
	{ "incr", NULL, "KEY [DELTA]", "add to a decimal number",
	  "Atomic beside other writers. A key that is not there counts as 0,\n"
	  "and DELTA is 1 unless it is given. Prints the sum.\n"
	  "  incr visits\n"
	  "  incr stock -3\n",
	  0, 0, ACCESS_WRITE, cmd_incr },
	{ "init", NULL, "[STORE] [SLOTS] [MAX_VALUE]", "create a store",
	  "Room for SLOTS keys with values up to MAX_VALUE bytes; without them\n"
	  CLI_DEFAULT_STORE " (or the selected store), 1024 and 4096. A key takes\n"
	  "that many bytes however short its value is. Selects the store.\n"
	  "  init demo\n"
	  "  init --mode 660 shared 64K 1M\n",
	  MODE | WRITERS, 0, ACCESS_NONE, cmd_init },
	{ "list", NULL, "[PATTERN]", "print keys, or those that match",
	  "Those with the highest epoch first. PATTERN is a POSIX extended\n"
	  "regular expression, not a shell's: ^log_ and not log_*. On a terminal\n"
	  "the table is made to fit it.\n"
	  "  list ^user\n"
	  "  list --names\n",
	  NAMES, TRAIT_SPACED, ACCESS_READ, cmd_list },
	{ "quit", "exit", "", "leave the prompt",
	  "Ctrl-D does the same, and Ctrl-C on an empty line.\n",
	  0, TRAIT_PROMPT, ACCESS_NONE, cmd_quit },
	{ "record", NULL, "FILE [PATTERN]", "write changes to a file as they come",
	  "Until Ctrl-] or Ctrl-C, or as --count and --timeout say; behind what\n"
	  "is in FILE already, or to standard output (-). Each line is an object\n"
	  "of JSON: when, what happened to which key, its value, the time it had\n"
	  "left. Changes that came too fast are counted at their place.\n"
	  "  record --from-snapshot day.jsonl\n"
	  "  record --timeout 1h jobs.jsonl ^job/\n",
	  CHANGES | FROM_SNAPSHOT | QUIET | TIMEOUT, 0, ACCESS_BEST,
	  cmd_record },
	{ "replay", NULL, "FILE [PATTERN]", "do again what `record` has seen",
	  "At the speed at which it happened, unless --speed or --fast says\n"
	  "otherwise. Times to live are what was left of them then. Keys are set\n"
	  "and removed in the selected store, whatever is in it.\n"
	  "  replay day.jsonl\n"
	  "  replay --speed 10 jobs.jsonl\n",
	  FAST | QUIET | SPEED, 0, ACCESS_WRITE, cmd_replay },
	{ "set", NULL, "KEY VALUE", "give a key a value (- stdin, @FILE a file)",
	  "Whoever reads meanwhile gets the former value or the new one, whole.\n"
	  "With --ttl the key is there for that time only.\n"
	  VALUE_WORD
	  "  set foo 'hello, world'\n"
	  "  set --ttl 30s session here\n"
	  "  set page @index.html\n"
	  "  date | splinterctl --use demo set now -\n",
	  LITERAL | TTL, 0, ACCESS_WRITE, cmd_set },
	{ "stores", NULL, "", "print the stores there are",
	  "Those in shared memory, or in files of the current directory. Stores\n"
	  "of other users only with the program's option --any-owner.\n"
	  "  stores --names\n",
	  NAMES, TRAIT_SPACED, ACCESS_NONE, cmd_stores },
	{ "top", NULL, "", "show what goes on in a store, live",
	  "Changes a second, the keys that are set most, who waits, who writes,\n"
	  "memory: each second anew until q, Ctrl-] or Ctrl-C; p pauses, s sorts\n"
	  "by rate, epoch or name. Where no terminal is, or with --count or\n"
	  "--json, blocks of text or objects, without --count one. Looking\n"
	  "changes nothing, and nobody who writes is slowed down by it.\n"
	  "  top --interval 5s\n"
	  "  top --count 1 >>report\n",
	  BLOCKS | INTERVAL, 0, ACCESS_READ, cmd_top },
	{ "ttl", NULL, "[KEY] [TIME|never]", "show or set how long a key stays",
	  "Prints the milliseconds that are left, or never. With TIME the key\n"
	  "goes after that time from now, with never it stays; its value is as it\n"
	  "was. From the moment when the time is over the key is not there; its\n"
	  "memory is used again when it is needed, or after --reclaim.\n"
	  "  ttl foo 5m\n"
	  "  ttl foo never\n"
	  "  ttl --reclaim\n",
	  RECLAIM, 0, ACCESS_READ, cmd_ttl },
	{ "unset", NULL, "KEY", "remove a key",
	  "Prints how long its value was.\n"
	  "  unset foo\n",
	  0, 0, ACCESS_WRITE, cmd_unset },
	{ "use", NULL, "STORE", "select a store",
	  "For the commands that follow at the prompt or in a script.\n"
	  "  use demo\n",
	  0, 0, ACCESS_NONE, cmd_use },
	{ "watch", NULL, "[KEY...]", "print changes until Ctrl-] or Ctrl-C",
	  "Prints each new value as `get` does, behind its key if there can be\n"
	  "several; changes of a key in a row may show as the last. A KEY that\n"
	  "begins with ^ is a pattern, a regular expression as in `list`. Keys\n"
	  "need not exist yet. Fails when the store is removed, or when --timeout\n"
	  "ends a --oneshot.\n"
	  "Changes count from now on; with --since from the epoch that was seen\n"
	  "last, as `head` or --json print it, so that none falls in between. With\n"
	  "--from they count from a sequence that --json has printed.\n"
	  "  watch foo\n"
	  "  watch ^log_ errors\n"
	  "  watch --oneshot --timeout 5s --since 2 foo\n"
	  "  watch --json --from-snapshot ^\n",
	  FROM | FROM_SNAPSHOT | ONESHOT | PATTERN | SINCE | TIMEOUT, 0,
	  ACCESS_BEST, cmd_watch },
};

static const struct option_row options[OPTION_COUNT + 1] = {
	[OPTION_JSON] = {"--json", NULL, "print data as JSON, one object a line"},
	[OPTION_HELP] = {"--help", NULL, "explain the command"},
	[OPTION_BLOCKS] = {"--count", "COUNT", "end after so many blocks of text"},
	[OPTION_CHANGES] = {"--count", "COUNT", "end after so many changes"},
	[OPTION_DRY_RUN] = {"--dry-run", NULL, "only say what would be done"},
	[OPTION_FAST] = {"--fast", NULL, "do not wait in between"},
	[OPTION_FROM] = {"--from", "SEQUENCE", "begin behind it; 0: with all"},
	[OPTION_FROM_LINE] = {"--from", "LINE", "begin with that line, from 1"},
	[OPTION_FROM_SNAPSHOT] = {"--from-snapshot", NULL, "begin with the keys as they are"},
	[OPTION_INTERVAL] = {"--interval", "TIME", "between two looks, as 500 (ms), 2s"},
	[OPTION_LITERAL] = {"--literal", NULL, "VALUE is meant as it stands"},
	[OPTION_MODE] = {"--mode", "MODE", "permissions in octal, as 660"},
	[OPTION_NAMES] = {"--names", NULL, "print names only, one a line"},
	[OPTION_ONESHOT] = {"--oneshot", NULL, "end after the first change"},
	[OPTION_PARTIAL] = {"--partial", NULL, "leave out lines that are wrong"},
	[OPTION_PATTERN] = {"--pattern", "PATTERN", "also keys that match it"},
	[OPTION_POLICY] = {"--policy", "POLICY", "source, destination, newest, fail"},
	[OPTION_QUIET] = {"--quiet", NULL, "only say what fails"},
	[OPTION_RAW] = {"--raw", NULL, "print the bytes and nothing else"},
	[OPTION_RECLAIM] = {"--reclaim", NULL, "remove all keys that have expired"},
	[OPTION_SINCE] = {"--since", "EPOCH", "the one last seen; 0: no key yet"},
	[OPTION_SPEED] = {"--speed", "SPEED", "so many times as fast, as 0.5 or 10"},
	[OPTION_TIMEOUT] = {"--timeout", "TIME", "end after 500 (ms), 2s, 5m, 1h"},
	[OPTION_TTL] = {"--ttl", "TIME", "the key goes after 500 (ms), 2s, 1d"},
	[OPTION_WRITERS] = {"--writers", "COUNT", "processes that write at once"},
};
/* clang-format on */

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
		if (!strcmp(command->name, name) ||
			(command->alias && !strcmp(command->alias, name)))
			return command;
	return NULL;
}

const struct option_row *
cli_option_at(size_t index)
{
	return index < OPTION_COUNT ? &options[index] : NULL;
}

bool
cli_takes(const struct command *command, size_t option)
{
	return (command->options | JSON | HELP) & OPTION_BIT(option);
}

const char *
cli_words_from(const struct command *command, int index)
{
	const char *text = command->words;

	while (text && index--)
		if ((text = strchr(text, ' ')))
			text++;
	return text && *text ? text : NULL;
}

bool
cli_word(const struct command *command, int index, char *name)
{
	const char *text = cli_words_from(command, index);

	if (!text)
		return false;
	text += *text == '[';
	snprintf(name, CLI_WORD_MAX, "%.*s", (int)strcspn(text, ".] "), text);
	return true;
}

bool
cli_repeats(const struct command *command, int index)
{
	const char *text = cli_words_from(command, index);

	return text && text[strcspn(text, ". ")] == '.';
}

/* Which of its words is this, from 0? -1: none. */
static int
find_word(const struct command *command, const char *wanted)
{
	char name[CLI_WORD_MAX];

	for (int i = 0; cli_word(command, i, name); i++)
		if (!strcmp(name, wanted))
			return i;
	return -1;
}

void
cli_synopsis(const struct command *command, char *text)
{
	size_t len =
		(size_t)snprintf(text, CLI_SYNOPSIS_MAX, "%s", command->name);

	for (size_t i = 0; i < OPTION_COUNT && len < CLI_SYNOPSIS_MAX; i++)
		if (command->options & OPTION_BIT(i))
			len += (size_t)snprintf(text + len,
				CLI_SYNOPSIS_MAX - len, " [%s%s%s]",
				options[i].name, options[i].word ? " " : "",
				options[i].word ? options[i].word : "");
	if (*command->words && len < CLI_SYNOPSIS_MAX)
		snprintf(text + len, CLI_SYNOPSIS_MAX - len, " %s",
			command->words);
}

/* --- Options ------------------------------------------------------------ */

static int
fail_option(const struct cli *cli, const struct call *call, const char *word)
{
	const struct command *command = call->command;
	char synopsis[CLI_SYNOPSIS_MAX];

	cli_synopsis(command, synopsis);
	if (options_find(word) && cli->mode != MODE_ONE)
		return cli_usage(cli,
			"%s: the option '%s' is the program's: give it when "
			"you "
			"start that; a store is selected with 'use STORE'",
			command->name, word);
	if (options_find(word))
		return cli_usage(cli,
			"%s: the option '%s' is the program's: write it "
			"before the command, '%s %s ... %s'",
			command->name, word, cli->program, word, command->name);
	const char *close = suggest_option(command, word);
	if (close)
		return cli_usage(cli,
			"%s: unknown option '%s': did you mean '%s'? '--' "
			"ends the options",
			command->name, word, close);
	return cli_usage(cli,
		"%s: unknown option '%s': write '%s%s', with '--' before a "
		"word that begins with dashes",
		command->name, word, cli_run_prefix(cli), synopsis);
}

/* The option that a word names, up to a '='; OPTION_COUNT when none does. */
static size_t
find_option(const struct command *command, const char *word)
{
	size_t len = strcspn(word, "=");
	size_t i = 0;

	while (i < OPTION_COUNT &&
		(strlen(options[i].name) != len ||
			strncmp(options[i].name, word, len) != 0 ||
			!cli_takes(command, i)))
		i++;
	return i;
}

/* Takes the option at *@from, and its word, off the front of what is left. */
static int
take_option(const struct cli *cli, struct call *call, int argc, char **argv,
	int *from)
{
	const char *word = argv[(*from)++];
	size_t option = find_option(call->command, word);
	const char *equals = strchr(word, '=');

	if (option == OPTION_COUNT)
		return fail_option(cli, call, word);
	const struct option_row *row = &options[option];
	if (equals && !row->word)
		return cli_usage(cli,
			"%s: the option '%s' takes no word: "
			"write it without '%s'",
			call->command->name, row->name, equals);
	if (!row->word) {
		call->given[option] = "";
	} else if (equals) {
		call->given[option] = equals + 1;
	} else if (*from < argc) {
		call->given[option] = argv[(*from)++];
	} else {
		return cli_usage(cli,
			"%s: the option '%s' needs a word: "
			"write '%s %s'",
			call->command->name, row->name, row->name, row->word);
	}
	return EXIT_DONE;
}

static bool
is_option(const char *word)
{
	return !strncmp(word, "--", 2);
}

/*
 * Options go to call->given, all else stays in order in @argv. They end at
 * "--", and behind the word that stands before a VALUE.
 */
static int
sort_words(const struct cli *cli, struct call *call, int argc, char **argv)
{
	int last = find_word(call->command, "VALUE") - 1;
	bool ended = false;
	int status = EXIT_DONE;

	if (argc == 1 && !strcmp(argv[0], "-h")) {
		call->given[OPTION_HELP] = "";
		return EXIT_DONE;
	}
	call->argv = argv;
	for (int from = 0; !status && from < argc;) {
		if (ended || !is_option(argv[from])) {
			if (last >= 0 && call->argc == last)
				ended = true;
			argv[call->argc++] = argv[from++];
		} else if (!strcmp(argv[from], "--")) {
			ended = true;
			from++;
		} else {
			status = take_option(cli, call, argc, argv, &from);
		}
	}
	return status;
}

/* --- Words -------------------------------------------------------------- */

static int
count_words(const struct cli *cli, const struct call *call)
{
	const struct command *command = call->command;
	char synopsis[CLI_SYNOPSIS_MAX];
	const char *word;
	bool endless = false;
	int least = 0;
	int most = 0;

	for (; (word = cli_words_from(command, most)); most++) {
		least += *word != '[';
		endless = cli_repeats(command, most);
	}
	cli_synopsis(command, synopsis);
	if (call->argc < least)
		return cli_usage(cli, "%s: too few words: write '%s%s'",
			command->name, cli_run_prefix(cli), synopsis);
	if (call->argc > most && !endless)
		return cli_usage(cli, "%s: too many words: write '%s%s'%s",
			command->name, cli_run_prefix(cli), synopsis,
			find_word(command, "VALUE") < 0
				? ""
				: ", with quotes around a VALUE that contains "
				  "spaces");
	return EXIT_DONE;
}

static int
fail_unknown(const struct cli *cli, const char *name)
{
	const char *close = suggest_command(name);

	if (close)
		return cli_usage(cli,
			"unknown command '%s': did you mean '%s'? '%shelp' "
			"lists the commands",
			name, close, cli_run_prefix(cli));
	return cli_usage(cli,
		"unknown command '%s': '%shelp' lists the commands", name,
		cli_run_prefix(cli));
}

/* Runs it with its key standing in the namespace. Whoever takes many keys
 * puts them there himself. */
static int
run_in_namespace(struct cli *cli, struct call *call)
{
	int index = *cli->prefix ? find_word(call->command, "KEY") : -1;
	char *word = index >= 0 && index < call->argc &&
				     !cli_repeats(call->command, index)
			     ? call->argv[index]
			     : NULL;

	/* An empty key stays one, and is refused. */
	if (!word || !*word)
		return call->command->run(cli, call);
	char *key = malloc(strlen(cli->prefix) + strlen(word) + 1);
	if (!key)
		return cli_fail_text(cli, "no memory for a key: free some");
	memcpy(stpcpy(key, cli->prefix), word, strlen(word) + 1);
	call->argv[index] = key;
	int status = call->command->run(cli, call);
	call->argv[index] = word;
	free(key);
	return status;
}

int
cli_run(struct cli *cli, int argc, char **argv)
{
	struct call call = {.command = cli_command_find(argv[0])};
	int status;

	if (!call.command)
		return fail_unknown(cli, argv[0]);
	if (cli->json)
		call.given[OPTION_JSON] = "";
	if ((status = sort_words(cli, &call, argc - 1, argv + 1)))
		return status;
	if (call.given[OPTION_HELP])
		return cli_explain(&call);
	if (call.command->traits & TRAIT_PROMPT && cli->mode == MODE_ONE)
		return cli_usage(cli,
			"%s: this is a command of the prompt: "
			"start '%s'",
			call.command->name,
			cli->kind == SPL_MEMORY ? "splinter_cli"
						: "splinterp_cli");
	if ((status = count_words(cli, &call)) ||
		(status = cli_need(cli, &call, call.command->access)))
		return status;
	return run_in_namespace(cli, &call);
}
