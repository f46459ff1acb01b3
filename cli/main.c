/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - splinterctl and splinterpctl: runs one command and exits.
 *
 * One program under two names. What it was called by says where a store's
 * name leads: to shared memory, or with "splinterp..." to a file.
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

#include "message.h"

#ifndef SPLINTER_BUILD
#define SPLINTER_BUILD "unknown"
#endif

#define SHORT_OPTIONS "+:hnu:v"

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"no-repl", no_argument, NULL, 'n'},
	{"use", required_argument, NULL, 'u'},
	{"version", no_argument, NULL, 'v'},
	{NULL, 0, NULL, 0},
};

/*
 * A store opened while 0, 1 or 2 is closed would get that number, and be
 * written over by the next message. What is opened here instead cannot be
 * written: the error shows at the end.
 */
static bool
hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest number that is free, so this one. */
		if (open("/dev/null", O_RDONLY) != fd)
			return false;
	}
	return true;
}

static const char *
program_name(const char *path)
{
	if (!path || !*path)
		return "splinterctl";
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void
print_help(const struct cli *cli)
{
	printf("usage: %s [OPTION]... COMMAND [WORD]...\n\n", cli->program);
	printf("Runs one command on a store in %s and exits.\n\n",
		cli->kind == SPL_MEMORY ? "shared memory" : "a file");
	puts("  -u, --use STORE  the store to use");
	puts("  -n, --no-repl    run one command and exit");
	puts("  -h, --help       print this and exit");
	puts("  -v, --version    print the version and exit\n");
	puts("Without --use the store is what SPLINTER_DEFAULT_STORE names.\n");
	puts("Commands:");
	cli_print_commands();
	puts("\nExit status: 0 done, 1 failed, 2 a mistake in the words.");
}

/*
 * getopt_long() names a short option in optopt; for a long one that is 0 or,
 * when it got a word too many, what it stands for.
 */
static int
fail_option(const struct cli *cli, int code, const char *word)
{
	if (code == ':')
		return cli_usage(cli,
			"option '--use' needs a store: write "
			"'%s --use STORE COMMAND'",
			cli->program);
	if (optopt && !strchr(SHORT_OPTIONS, optopt))
		return cli_usage(cli,
			"unknown option '-%c': '%s --help' lists the options",
			optopt, cli->program);
	return cli_usage(cli,
		"unknown option '%s': '%s --help' lists the options", word,
		cli->program);
}

/*
 * Options end at the first other word, so that a command can have its own.
 * Sets *done when nothing is left to do.
 */
static int
take_options(struct cli *cli, int argc, char **argv, bool *done)
{
	int code;
	int status = EXIT_DONE;

	opterr = 0;
	while (!*done && !status &&
		(code = getopt_long(
			 argc, argv, SHORT_OPTIONS, long_options, NULL)) >= 0) {
		if (code == 'u') {
			status = cli_select(cli, optarg);
		} else if (code == 'h') {
			print_help(cli);
			*done = true;
		} else if (code == 'v') {
			printf("%s version %s build %s\n", cli->program,
				spl_version(), SPLINTER_BUILD);
			*done = true;
		} else if (code != 'n') {
			status = fail_option(cli, code, argv[optind - 1]);
		}
	}
	return status;
}

static int
run(struct cli *cli, int argc, char **argv)
{
	const char *store = getenv("SPLINTER_DEFAULT_STORE");
	bool done = false;
	int status = store && *store ? cli_select(cli, store) : EXIT_DONE;

	if (!status)
		status = take_options(cli, argc, argv, &done);
	if (status || done)
		return status;
	if (optind >= argc)
		return cli_usage(cli,
			"no command: '%s help' lists the commands",
			cli->program);
	return cli_run(cli, argc - optind, argv + optind);
}

/* A full disk or a reader that has gone may show only here. */
static int
finish_output(const struct cli *cli, int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (fclose(stdout))
		failed = true;
	if (!failed)
		return status;
	return cli_fail_text(cli,
		"cannot write to standard output: %s: check where it leads",
		errno ? strerror(errno) : "an earlier write failed");
}

int
main(int argc, char **argv)
{
	struct cli cli = {.program = program_name(argv[0])};

	cli.kind = strncmp(cli.program, "splinterp", 9) ? SPL_MEMORY : SPL_FILE;
	if (!hold_standard_descriptors())
		return EXIT_FAILED;
	/* A message is one write, whole beside those of other processes. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	/* Too large for a limit is an error with a sentence. */
	signal(SIGXFSZ, SIG_IGN);
	/* Patterns and keys are read as the user's characters. */
	setlocale(LC_CTYPE, "");
	int status = run(&cli, argc, argv);
	cli_release(&cli);
	return finish_output(&cli, status);
}
