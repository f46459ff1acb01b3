/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repl.c - lines of commands: the prompt, where somebody types them and
 * goes on after a mistake, and a script on standard input, which ends at the
 * first command that fails: what follows may have relied on it.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complete.h"
#include "editor.h"
#include "history.h"
#include "message.h"
#include "terminal.h"
#include "text.h"
#include "words.h"

/* --- One line ----------------------------------------------------------- */

static int
fail_words(const struct cli *cli, const struct words *words, const char *line,
	enum words_result result)
{
	if (result == WORDS_NO_MEMORY)
		return cli_fail_text(cli, "no memory for the line: free some");
	if (result == WORDS_OPEN_BACKSLASH)
		return cli_usage(cli,
			"a backslash ends the line: write two for one, or "
			"quotes around it");
	return cli_usage(cli,
		"the quote %c in column %zu is never closed: close it, or "
		"write \\%c for one that stands for itself",
		line[words->at], words->at + 1, line[words->at]);
}

/* The command's own output is out before anything else is said. */
static int
run_words(struct cli *cli, const struct words *words)
{
	const struct command *command = cli_command_find(words->all[0]);

	terminal_forget_interrupt();
	int status = cli_run(cli, (int)words->count, words->all);
	if (cli->mode == MODE_PROMPT && terminal_interrupted()) {
		/* A write that was interrupted is no error of the terminal. */
		__fpurge(stdout);
		clearerr(stdout);
		putchar('\n');
	} else if (cli->mode == MODE_PROMPT && status == EXIT_DONE && command &&
		   command->traits & TRAIT_SPACED) {
		putchar('\n');
	}
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return cli_fail_text(cli,
		"cannot write to standard output: %s: check where it leads",
		strerror(errno));
}

static int
run_line(struct cli *cli, const char *line, size_t len)
{
	struct words words = {0};
	enum words_result result = words_split(&words, line, len);
	int status = EXIT_DONE;

	if (result)
		status = fail_words(cli, &words, line, result);
	else if (words.count)
		status = run_words(cli, &words);
	words_free(&words);
	return status;
}

/* --- The history -------------------------------------------------------- */

static char *
history_path(const struct cli *cli)
{
	const char *home = getenv("HOME");
	char *path;

	if (cli->history_file)
		return strdup(cli->history_file);
	if (!home || !*home ||
		asprintf(&path, "%s/.splinter_history", home) < 0)
		return NULL;
	return path;
}

static void
warn_history(const struct history *history, int code)
{
	cli_note("history: cannot use '%s': %s: lines are kept until the end "
		 "only; --history-file or SPLINTER_HISTORY_FILE name another",
		history->path ? history->path : "", strerror(-code));
}

int
cli_need_history(struct cli *cli)
{
	static const struct command itself = {.name = "history-len"};
	const struct call call = {.command = &itself};
	uint64_t most;

	if (cli->history)
		return EXIT_DONE;
	int status = cli_number(cli, &call, "number of lines", cli->history_len,
		0, 1000 * 1000, &most);
	if (status)
		return status;
	cli->history = calloc(1, sizeof(*cli->history));
	if (!cli->history)
		return cli_fail_text(cli, "no memory for the history: free "
					  "some");
	char *path = history_path(cli);
	int rc = history_load(cli->history, path, (size_t)most);
	if (rc < 0)
		warn_history(cli->history, rc);
	free(path);
	return EXIT_DONE;
}

void
cli_end_history(struct cli *cli)
{
	if (!cli->history)
		return;
	history_trim(cli->history);
	history_free(cli->history);
	free(cli->history);
	cli->history = NULL;
}

/* --- The prompt --------------------------------------------------------- */

/* "STORE # " without what would control the terminal. */
static char *
prompt_text(const struct cli *cli)
{
	const char *name = cli->store_name ? cli->store_name : "no-conn";
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	text_show(file, name, strlen(name), false);
	fputs(" # ", file);
	fclose(file);
	return text;
}

/* The history gets what is entered, even if it is wrong: to be mended. */
static void
remember(struct cli *cli, const char *line)
{
	static bool warned;
	int rc = history_add(cli->history, line);

	if (rc < 0 && !warned)
		warn_history(cli->history, rc);
	warned = warned || rc < 0;
}

static int
prompt_for_lines(struct cli *cli, struct editor *editor)
{
	enum editor_result result = EDITOR_LINE;
	const char *line;

	while (result == EDITOR_LINE && !cli->leaving) {
		char *prompt = prompt_text(cli);

		fflush(stdout);
		result = editor_read(editor, prompt ? prompt : "# ", &line);
		free(prompt);
		if (result != EDITOR_LINE)
			break;
		remember(cli, line);
		run_line(cli, line, strlen(line));
		if (ferror(stdout))
			return EXIT_FAILED;
	}
	return result == EDITOR_ERROR ? EXIT_FAILED : EXIT_DONE;
}

/* A store that was named but cannot be used is said once. */
static void
open_named_store(struct cli *cli)
{
	static const struct command itself = {.name = "use"};
	const struct call call = {.command = &itself};

	if (cli->store_name && cli_need(cli, &call, ACCESS_BEST))
		cli_select(cli, NULL);
}

int
cli_prompt(struct cli *cli)
{
	const struct editor_hooks hooks = {
		.context = cli,
		.complete = complete_line,
		.hint = complete_hint,
	};

	cli->mode = MODE_PROMPT;
	int status = cli_need_history(cli);
	if (status)
		return status;
	struct editor *editor = editor_open(cli->program, &hooks, cli->history);
	if (!editor)
		return cli_fail_text(
			cli, "no memory for the prompt: free some");
	cli_print_version(cli);
	puts("To quit, press ctrl-c or ctrl-d.");
	terminal_catch_interrupt();
	open_named_store(cli);
	status = prompt_for_lines(cli, editor);
	editor_close(editor);
	return status;
}

/* --- A script ----------------------------------------------------------- */

static int
run_script_line(struct cli *cli, const char *line, size_t len)
{
	if (len && line[len - 1] == '\n')
		len--;
	if (memchr(line, '\0', len))
		return cli_usage(cli, "the line contains a NUL byte: a script "
				      "is text");
	return run_line(cli, line, len);
}

int
cli_script(struct cli *cli)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int status = EXIT_DONE;

	cli->mode = MODE_SCRIPT;
	while (!status && !cli->leaving && !terminal_interrupted() &&
		(len = getline(&line, &cap, stdin)) >= 0) {
		cli->line++;
		status = run_script_line(cli, line, (size_t)len);
	}
	free(line);
	if (!status && ferror(stdin))
		return cli_fail_text(
			cli, "cannot read standard input: %s", strerror(errno));
	return status;
}
