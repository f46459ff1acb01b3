/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_screen.c - where the line is on the screen. libedit knows, but does
 * not say; so what it draws is measured once more, in the same way.
 */
#define _GNU_SOURCE 1

#include "edit_parts.h"

#ifdef SPLINTER_EDIT

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wctype.h>

struct position {
	int row;
	int column;
	int columns; /* of the screen */
};

/* Rows from the first one of the prompt on. */
struct rows {
	int cursor;
	int last;
	int end; /* the column behind the text */
};

struct screen
edit_screen(struct edit *edit)
{
	struct screen screen = {.lines = 24, .columns = 80};

	el_get(edit->el, EL_GETTC, "li", &screen.lines);
	el_get(edit->el, EL_GETTC, "co", &screen.columns);
	return screen;
}

static void
advance(struct position *at, int width)
{
	if (width < 0)
		width = 0;
	if (at->column + width > at->columns) {
		at->row++;
		at->column = 0;
	}
	at->column += width;
	if (at->column >= at->columns) {
		at->row++;
		at->column = 0;
	}
}

static void
advance_singly(struct position *at, int count)
{
	while (count-- > 0)
		advance(at, 1);
}

/* As libedit draws it: ^A for control characters, \U+DCFF for strange ones. */
static void
advance_over(struct position *at, wchar_t c)
{
	if (c == L'\n') {
		at->row++;
		at->column = 0;
	} else if (c == L'\t') {
		do
			advance(at, 1);
		while (at->column & 7);
	} else if (c < 0x100 && iswcntrl((wint_t)c)) {
		advance_singly(at, 2);
	} else if (iswprint((wint_t)c)) {
		advance(at, wcwidth(c));
	} else {
		advance_singly(at, c > 0xffff ? 8 : 7);
	}
}

static struct rows
measure(struct edit *edit, int columns)
{
	struct position at = {.columns = columns};
	size_t len, cursor;
	const wchar_t *line = edit_line(edit, &len, &cursor);
	const wchar_t *prompt = edit_search_prompt(edit);
	struct rows rows;

	for (prompt = prompt ? prompt : edit->prompt; *prompt; prompt++)
		advance(&at, wcwidth(*prompt));
	for (size_t i = 0; i < cursor; i++)
		advance_over(&at, line[i]);
	rows.cursor = at.row;
	/* A wide character that does not fit takes the cursor along. */
	if (cursor < len && wcwidth(line[cursor]) > 1 &&
		at.column + wcwidth(line[cursor]) > columns)
		rows.cursor++;
	for (size_t i = cursor; i < len; i++)
		advance_over(&at, line[i]);
	rows.last = at.row;
	rows.end = at.column;
	return rows;
}

/* Of a line that is longer than the screen there is only the last part. */
static int
on_screen(int row, int lines)
{
	return row < lines ? row : lines - 1;
}

int
edit_columns_free(struct edit *edit)
{
	struct screen screen = edit_screen(edit);
	size_t len, cursor;

	edit_line(edit, &len, &cursor);
	if (len >= (size_t)screen.columns)
		return -1; /* without looking at each of a million */
	struct rows rows = measure(edit, screen.columns);
	return rows.last ? -1 : screen.columns - rows.end;
}

void
edit_leave_line(struct edit *edit)
{
	struct screen screen = edit_screen(edit);
	struct rows rows = measure(edit, screen.columns);
	int below = on_screen(rows.last, screen.lines) -
		    on_screen(rows.cursor, screen.lines);

	for (int i = 0; i <= below; i++)
		putchar('\n');
}

/* Rows above the cursor. The fewer if the terminal has another size now. */
static int
rows_above(struct edit *edit)
{
	struct screen screen = edit_screen(edit);
	int above =
		on_screen(measure(edit, screen.columns).cursor, screen.lines);
	struct winsize now;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) || now.ws_col < 2 ||
		now.ws_col == screen.columns)
		return above;
	/*
	 * Some terminals break the rows anew, some do not. Too far up would
	 * be over the output of others, too near leaves a row of our own.
	 */
	int anew = measure(edit, now.ws_col).cursor;
	return anew < above ? anew : above;
}

void
edit_draw_here(struct edit *edit)
{
	el_resize(edit->el);
	el_wset(edit->el, EL_REFRESH);
}

static void
clear(struct edit *edit)
{
	int above = rows_above(edit);

	putchar('\r');
	for (int i = 0; i < above; i++)
		el_wset(edit->el, EL_ECHOTC, L"up", (wchar_t *)NULL);
	el_wset(edit->el, EL_ECHOTC, L"-s", L"cd", (wchar_t *)NULL);
}

void
edit_redraw(struct edit *edit)
{
	clear(edit);
	edit_draw_here(edit);
}

/* --- Mending ------------------------------------------------------------ */

static wchar_t *
text_to_draw(struct edit *edit)
{
	size_t len, cursor;
	const wchar_t *line = edit_line(edit, &len, &cursor);
	const wchar_t *search = edit_search_prompt(edit);
	const wchar_t *prompt = search ? search : edit->prompt;
	size_t first = wcslen(prompt);
	wchar_t *text = malloc((first + len + 1) * sizeof(*text));

	if (!text)
		return NULL;
	wmemcpy(text, prompt, first);
	wmemcpy(text + first, line, len);
	text[first + len] = L'\0';
	return text;
}

/* Was there nothing changed but at the end? */
static bool
is_only_longer(const wchar_t *before, const wchar_t *now)
{
	size_t len = wcslen(before);

	return !wcsncmp(before, now, len) || !wcsncmp(before, now, wcslen(now));
}

static bool
has_wide(const wchar_t *line)
{
	while (*line && (*line < 0x300 || wcwidth(*line) < 2))
		line++;
	return *line;
}

/* Draws all with the cursor at the end, so that no move follows. */
static void
draw_anew(struct edit *edit)
{
	size_t len, cursor;

	edit_line(edit, &len, &cursor);
	clear(edit);
	el_cursor(edit->el, (int)(len - cursor));
	edit_draw_here(edit);
	el_cursor(edit->el, (int)cursor - (int)len);
}

/*
 * libedit draws what differs. Where that reaches the end of a row, it may
 * take the next row for this one, and clear it; and it may move over the half
 * of a wide character, and write it again.
 */
bool
edit_repair(struct edit *edit)
{
	struct screen screen = edit_screen(edit);
	wchar_t *before = edit->drawn;
	size_t len, cursor;
	bool repairs = false;

	edit_line(edit, &len, &cursor);
	edit->drawn = NULL;
	/* What is longer than the screen cannot be drawn right. */
	if (len / (size_t)screen.columns < (size_t)screen.lines)
		edit->drawn = text_to_draw(edit);
	if (edit->drawn) {
		int rows = measure(edit, screen.columns).last;
		bool is_simple = !rows && !edit->drawn_rows &&
				 !has_wide(edit->drawn) &&
				 !(before && has_wide(before));

		repairs = !is_simple && rows < screen.lines &&
			  !(before && is_only_longer(before, edit->drawn));
		edit->drawn_rows = rows;
	}
	if (repairs)
		draw_anew(edit);
	free(before);
	return repairs;
}

#endif
