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

static int
fail_nul(const struct cli *cli)
{
	return cli_usage(cli,
		"the line contains a NUL byte: commands are text; a value with "
		"one can come from a file, as @FILE");
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
	return cli_flush(cli, status);
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
		0, 1000000, &most);
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

/*
 * "STORE # " without what would control the terminal. A store that was removed
 * is none, until a command finds a new one under its name.
 */
static char *
prompt_text(const struct cli *cli)
{
	bool connected = cli->store && !cli_store_is_removed(cli);
	const char *name = connected ? cli->store_name : "no-conn";
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
		if (result == EDITOR_ERROR && errno == EILSEQ) {
			fail_nul(cli);
			result = EDITOR_LINE;
		} else if (result == EDITOR_LINE) {
			remember(cli, line);
			run_line(cli, line, strlen(line));
		}
		if (cli->output_failed)
			return EXIT_FAILED;
	}
	if (result != EDITOR_ERROR)
		return EXIT_DONE;
	return cli_fail_text(cli, "cannot read the terminal: %s: start again",
		strerror(errno));
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

/* Whoever chose TERM=dumb knows. */
static void
say_if_plain(const struct editor *editor)
{
#ifdef SPLINTER_EDIT
	const char *term = getenv("TERM");

	if (editor_is_plain(editor) && isatty(STDOUT_FILENO) &&
		(!term || strcmp(term, "dumb") != 0))
		cli_note("TERM names no terminal that is known: lines are read "
			 "without editing, recall and Tab");
#else
	(void)editor;
#endif
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
	say_if_plain(editor);
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
	return memchr(line, '\0', len) ? fail_nul(cli)
				       : run_line(cli, line, len);
}

/* Not read to its end: the line that is too long, or the file, is at fault. */
static int
fail_script(struct cli *cli, int code)
{
	cli->line++;
	return cli_fail_text(cli,
		"cannot read this line of standard input: %s: the lines before "
		"have been run",
		strerror(code));
}

int
cli_script(struct cli *cli)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len = 0;
	int status = EXIT_DONE;

	cli->mode = MODE_SCRIPT;
	while (!status && !cli->leaving && !terminal_interrupted() &&
		(len = getline(&line, &cap, stdin)) >= 0) {
		cli->line++;
		status = run_script_line(cli, line, (size_t)len);
	}
	int code = errno;
	free(line);
	/* It came to a wait, and was meant for the whole. */
	if (terminal_interrupted())
		return terminal_die_of_interrupt();
	if (!status && len < 0 && !feof(stdin))
		return fail_script(cli, code);
	return status;
}
