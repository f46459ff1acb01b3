/* SPDX-License-Identifier: Apache-2.0 */
/*
 * editor_driver.c - the line editor alone, for at_editor.py.
 *
 *   editor_driver edit REPORT [HISTORY [MAX]]   reads lines until the end
 *   editor_driver load HISTORY MAX              prints what is in the file
 *   editor_driver add HISTORY MAX LINE...       adds lines, and trims
 *
 * What comes of the editor is appended to the file REPORT: "line HEX", "end",
 * "interrupted", "error ERRNO"; and "changed" when the terminal's modes or
 * the handler of SIGINT are other than before.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../../cli/editor.h"
#include "../../cli/history.h"

/* --- Hooks -------------------------------------------------------------- */

static const char *const words[] = {"get", "größe", "größter", "head", "help",
	"'two words'", "wide-a\xf0\x9f\x98\x80", "wide-b", "übä", "übö"};

static void
offer(struct editor_choices *choices, const char *text, const char *typed)
{
	if (strncmp(text, typed, strlen(typed)) != 0)
		return;
	struct editor_choice *all =
		realloc(choices->all, (choices->count + 1) * sizeof(*all));
	if (!all)
		abort();
	choices->all = all;
	all[choices->count].text = strdup(text);
	all[choices->count++].shown = strdup(text);
}

static int
complete(void *context, const char *line, size_t cursor,
	struct editor_choices *choices)
{
	char typed[128];
	char number[32];
	size_t start = cursor;

	(void)context;
	while (start && line[start - 1] != ' ')
		start--;
	if (cursor - start >= sizeof(typed))
		return -ENOMEM;
	memcpy(typed, line + start, cursor - start);
	typed[cursor - start] = '\0';
	choices->start = start;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		offer(choices, words[i], typed);
	for (int i = 0; i < 2000 && typed[0] == 'n'; i++) {
		snprintf(number, sizeof(number), "n%04d", i);
		offer(choices, number, typed);
	}
	if (!strcmp(typed, "two"))
		offer(choices, "'two words'", "");
	return 0;
}

static const char *
hint(void *context, const char *line, size_t cursor)
{
	(void)context;
	(void)cursor;
	if (!strcmp(line, "get") || !strcmp(line, "get "))
		return "KEY";
	if (!strcmp(line, "set"))
		return "KEY VALUE";
	if (!strcmp(line, "set "))
		return "VALUE OF A KEY";
	return "";
}

/* --- The editor --------------------------------------------------------- */

static void
on_interrupt(int number)
{
	(void)number;
}

static void
report_line(FILE *report, const char *line)
{
	fputs("line ", report);
	for (; *line; line++)
		fprintf(report, "%02x", (unsigned char)*line);
	putc('\n', report);
}

static void
report_changes(FILE *report, const struct termios *before)
{
	struct termios now = {0};
	struct sigaction action;

	sigaction(SIGINT, NULL, &action);
	if (action.sa_handler != on_interrupt)
		fputs("changed: handler\n", report);
	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &now) &&
		memcmp(&now, before, sizeof(now)) != 0)
		fputs("changed: terminal\n", report);
}

/* False: that was the last. */
static bool
read_one(FILE *report, struct editor *editor, struct history *history)
{
	const char *line;
	enum editor_result result = editor_read(editor, "dröver # ", &line);
	int code = errno;

	if (result == EDITOR_END)
		fputs("end\n", report);
	else if (result == EDITOR_INTERRUPTED)
		fputs("interrupted\n", report);
	else if (result == EDITOR_ERROR)
		fprintf(report, "error %s\n", strerrorname_np(code));
	else
		report_line(report, line);
	if (result == EDITOR_LINE)
		history_add(history, line);
	return result == EDITOR_LINE ||
	       (result == EDITOR_ERROR && code == EILSEQ);
}

static int
edit(const char *path, const char *history_path, size_t max)
{
	static const struct editor_hooks hooks = {
		.complete = complete, .hint = hint};
	struct sigaction action = {.sa_handler = on_interrupt};
	struct termios before = {0};
	struct history history;
	bool goes_on;
	FILE *report = fopen(path, "a");

	if (!report || history_load(&history, history_path, max))
		return 1;
	setvbuf(report, NULL, _IOLBF, 0);
	sigaction(SIGINT, &action, NULL);
	tcgetattr(STDIN_FILENO, &before);
	struct editor *editor = editor_open("driver", &hooks, &history);
	fputs(editor_is_plain(editor) ? "plain\n" : "editing\n", report);
	do {
		goes_on = read_one(report, editor, &history);
		report_changes(report, &before);
	} while (goes_on);
	editor_close(editor);
	report_changes(report, &before);
	history_free(&history);
	fputs("closed\n", report);
	fclose(report);
	return 0;
}

/* --- The history -------------------------------------------------------- */

static int
load(const char *path, size_t max)
{
	struct history history;
	int rc = history_load(&history, path, max);

	printf("%s\n", rc < 0 ? strerrorname_np(-rc) : "0");
	for (size_t i = 0; i < history.count; i++)
		puts(history.lines[i]);
	history_free(&history);
	return 0;
}

static int
add(const char *path, size_t max, char **lines)
{
	struct history history;
	int rc = history_load(&history, path, max);

	for (; *lines; lines++) {
		int one = history_add(&history, *lines);

		if (one < 0)
			rc = one;
	}
	printf("%s\n", rc < 0 ? strerrorname_np(-rc) : "0");
	rc = history_trim(&history);
	printf("%s\n", rc < 0 ? strerrorname_np(-rc) : "0");
	history_free(&history);
	return 0;
}

int
main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	if (argc > 2 && !strcmp(argv[1], "edit"))
		return edit(argv[2], argc > 3 ? argv[3] : NULL,
			argc > 4 ? (size_t)atol(argv[4]) : 1000);
	if (argc == 4 && !strcmp(argv[1], "load"))
		return load(argv[2], (size_t)atol(argv[3]));
	if (argc > 4 && !strcmp(argv[1], "add"))
		return add(argv[2], (size_t)atol(argv[3]), argv + 4);
	return 2;
}
