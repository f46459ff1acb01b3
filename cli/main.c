/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - one program under four names.
 *
 * splinterctl and splinterpctl run one command and exit, splinter_cli and
 * splinterp_cli are a prompt. With "splinterp..." a store's name leads to a
 * file, else to shared memory.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complete.h"
#include "message.h"
#include "options.h"
#include "suggest.h"
#include "terminal.h"

#ifndef SPLINTER_BUILD
#define SPLINTER_BUILD "unknown"
#endif

enum { LONG_ONLY = 256, OPTIONS_MAX = 16 };

/* What the options say but for what struct cli has. */
struct start {
	bool prompt; /* the name says so, and no option against it */
	bool script; /* --no-repl */
	bool done; /* there is nothing left to do */
};

/*
 * A store opened while 0, 1 or 2 is closed would get that number, and be
 * written over by the next message. What is opened here instead can be
 * neither read nor written: whoever tries gets the error of a closed one.
 */
static bool
hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest number that is free, so this one. */
		int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
		if (open("/dev/null", mode) != fd)
			return false;
	}
	return true;
}

/* A name that is none of a program's is not repeated in messages. */
static const char *
program_name(const char *path)
{
	enum { LONGEST = 40 };
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;

	if (!name || !*name || strlen(name) > LONGEST)
		return "splinterctl";
	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return "splinterctl";
	return name;
}

static void
print_options(void)
{
	const struct program_option *option;
	char left[64];

	for (size_t i = 0; (option = options_at(i)); i++) {
		char letter[] = {'-', option->letter, ',', ' ', '\0'};

		snprintf(left, sizeof(left), "%s%s%s%s",
			option->letter ? letter : "    ", option->name,
			option->word ? " " : "",
			option->word ? option->word : "");
		printf("  %-28s%s\n", left, option->summary);
	}
}

static void
print_help(const struct cli *cli, const struct start *start)
{
	const char *where = cli->kind == SPL_MEMORY ? "shared memory" : "files";

	if (start->prompt)
		printf("usage: %s [OPTION]... [COMMAND [WORD]...]\n\n"
		       "A prompt for stores in %s. With a command it runs that "
		       "and exits; when\nstandard input is no terminal, its "
		       "lines are the commands.\n\n",
			cli->program, where);
	else
		printf("usage: %s [OPTION]... COMMAND [WORD]...\n\n"
		       "Runs one command on stores in %s and exits.\n\n",
			cli->program, where);
	print_options();
	puts("\nThe environment says what options do not: "
	     "SPLINTER_DEFAULT_STORE the store,\nSPLINTER_NS_PREFIX the "
	     "prefix, SPLINTER_HISTORY_FILE and SPLINTER_HISTORY_LEN.\n");
	puts("Commands:");
	cli_print_commands();
	puts("\nExit status: 0 done, 1 failed, 2 a mistake in the words.");
}

static void
print_names(void)
{
	const struct command *command;

	for (size_t i = 0; (command = cli_command_at(i)); i++)
		puts(command->name);
}

void
cli_print_version(const struct cli *cli)
{
	printf("%s version %s build %s\n", cli->program, spl_version(),
		SPLINTER_BUILD);
}

/* getopt_long()'s tables, from ours. */
static void
fill_options(struct option *longs, char *shorts)
{
	const struct program_option *option;

	*shorts++ = '+';
	*shorts++ = ':';
	for (size_t i = 0; (option = options_at(i)); i++) {
		longs[i] = (struct option){
			.name = option->name + 2,
			.has_arg =
				option->word ? required_argument : no_argument,
			.val = option->letter ? option->letter
					      : LONG_ONLY + (int)i,
		};
		if (!option->letter)
			continue;
		*shorts++ = option->letter;
		if (option->word)
			*shorts++ = ':';
	}
}

/* The row that getopt_long() means; null for none. */
static const struct program_option *
option_of(int code)
{
	return code >= LONG_ONLY ? options_at((size_t)(code - LONG_ONLY))
				 : options_find_letter((char)code);
}

/*
 * getopt_long() names a short option in optopt; for a long one that is 0 or,
 * when a word is missing or is one too many, what it stands for.
 */
static int
fail_option(const struct cli *cli, int code, const char *word)
{
	const struct program_option *option = optopt ? option_of(optopt) : NULL;

	if (code == ':' && option)
		return cli_usage(cli, "option '%s' needs a word: write '%s %s'",
			option->name, option->name, option->word);
	if (optopt && !option)
		return cli_usage(cli,
			"unknown option '-%c': '%s --help' lists the options",
			optopt, cli->program);
	if (option)
		return cli_usage(cli,
			"option '%s' takes no word: write it without '%s'",
			option->name, strchr(word, '='));
	const char *close = suggest_program_option(word);
	if (close)
		return cli_usage(cli,
			"unknown option '%s': did you mean '%s'? '%s --help' "
			"lists the options",
			word, close, cli->program);
	return cli_usage(cli,
		"unknown option '%s': '%s --help' lists the options", word,
		cli->program);
}

static int
take_option(struct cli *cli, struct start *start,
	const struct program_option *option)
{
	const char *name = option->name + 2;
	int status = EXIT_DONE;

	if (!strcmp(name, "use"))
		return cli_select(cli, optarg);
	if (!strcmp(name, "no-repl"))
		start->script = true;
	else if (!strcmp(name, "prefix"))
		cli->prefix = optarg;
	else if (!strcmp(name, "json"))
		cli->json = true;
	else if (!strcmp(name, "any-owner"))
		cli->any_owner = true;
	else if (!strcmp(name, "history-file"))
		cli->history_file = optarg;
	else if (!strcmp(name, "history-len"))
		cli->history_len = optarg;
	else
		start->done = true;
	if (!strcmp(name, "list-modules"))
		print_names();
	else if (!strcmp(name, "completion"))
		status = cli_print_completion(cli, optarg);
	else if (!strcmp(name, "complete"))
		status = complete_for_shell(cli, optarg);
	else if (!strcmp(name, "help"))
		print_help(cli, start);
	else if (!strcmp(name, "version"))
		cli_print_version(cli);
	return status;
}

/* Options end at the first other word, so that a command can have its own. */
static int
take_options(struct cli *cli, struct start *start, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX] = {{0}};
	char shorts[2 * OPTIONS_MAX + 3] = "";
	int code;
	int status = EXIT_DONE;

	fill_options(longs, shorts);
	opterr = 0;
	while (!start->done && !status &&
		(code = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
		if (code == '?' || code == ':')
			status = fail_option(cli, code, argv[optind - 1]);
		else
			status = take_option(cli, start, option_of(code));
	}
	return status;
}

/* What the environment says; "" says nothing. */
static const char *
from_environment(const char *name, const char *otherwise)
{
	const char *text = getenv(name);

	return text && *text ? text : otherwise;
}

static int
take_environment(struct cli *cli)
{
	const char *store = from_environment("SPLINTER_DEFAULT_STORE", NULL);

	cli->prefix = from_environment("SPLINTER_NS_PREFIX", "");
	cli->history_file = from_environment("SPLINTER_HISTORY_FILE", NULL);
	cli->history_len = from_environment("SPLINTER_HISTORY_LEN", "1000");
	return store ? cli_select(cli, store) : EXIT_DONE;
}

static int
run(struct cli *cli, int argc, char **argv)
{
	struct start start = {.prompt = strstr(cli->program, "_cli")};
	int status = take_environment(cli);

	if (!status)
		status = take_options(cli, &start, argc, argv);
	if (status || start.done)
		return status;
	if (strlen(cli->prefix) >= SPL_KEY_MAX)
		return cli_usage(cli,
			"the prefix '%s' leaves no room for a key: use at most "
			"%d bytes",
			cli->prefix, SPL_KEY_MAX - 1);
	if (optind < argc)
		return cli_run(cli, argc - optind, argv + optind);
	if (start.prompt && !start.script && isatty(STDIN_FILENO))
		return cli_prompt(cli);
	if (start.prompt || start.script)
		return cli_script(cli);
	return cli_usage(
		cli, "no command: '%s help' lists the commands", cli->program);
}

/* A large output has failed before, and its reason is not known any more. */
static int
fail_output(struct cli *cli, int code)
{
	if (cli->output_failed)
		return EXIT_FAILED;
	cli->output_failed = true;
	return cli_fail_text(cli,
		"cannot write to standard output: %s: check where it leads",
		code ? strerror(code) : "a write failed");
}

int
cli_flush(struct cli *cli, int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (!fflush(stdout) && !failed)
		return status;
	return fail_output(cli, errno);
}

/* A full disk or a reader that has gone may show only here. */
static int
finish_output(struct cli *cli, int status)
{
	status = cli_flush(cli, status);
	errno = 0;
	return fclose(stdout) ? fail_output(cli, errno) : status;
}

int
main(int argc, char **argv)
{
	struct cli cli = {.program = program_name(argv[0])};

	cli.kind = strncmp(cli.program, "splinterp", 9) ? SPL_MEMORY : SPL_FILE;
	snprintf(cli.run, sizeof(cli.run), "%s ", cli.program);
	if (!hold_standard_descriptors())
		return EXIT_FAILED;
	/* A message is one write, whole beside those of other processes. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	/* Too large for a limit is an error with a sentence. */
	signal(SIGXFSZ, SIG_IGN);
	terminal_catch_fault();
	/* Patterns and keys are read as the user's characters. */
	setlocale(LC_CTYPE, "");
	int status = run(&cli, argc, argv);
	cli_end_history(&cli);
	cli_release(&cli);
	return finish_output(&cli, status);
}
