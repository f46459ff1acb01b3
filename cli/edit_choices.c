/* SPDX-License-Identifier: Apache-2.0 */
/* edit_choices.c - Tab: as much of a word as is certain, else its choices. */
#define _GNU_SOURCE 1

#include "edit_parts.h"

#ifdef SPLINTER_EDIT

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The list ----------------------------------------------------------- */

/* Columns of choices, one below the other as in a dictionary. */
struct table {
	size_t width; /* of a column, with the space to the next */
	size_t columns;
	size_t rows;
	size_t shown; /* choices */
};

static size_t
widest(const struct editor_choices *choices)
{
	size_t most = 0;

	for (size_t i = 0; i < choices->count; i++) {
		wchar_t *text = edit_decode_shown(choices->all[i].shown);
		size_t width = text ? edit_width(text) : 0;

		free(text);
		if (width > most)
			most = width;
	}
	return most;
}

/* One row is for what is left out, one for the line itself. */
static struct table
lay_out(const struct editor_choices *choices, struct screen screen)
{
	struct table table = {.width = widest(choices) + 2};
	size_t screen_columns = (size_t)screen.columns;
	size_t most = screen.lines > 3 ? (size_t)screen.lines - 2 : 1;

	/* The last column needs no space behind it. */
	table.columns = (screen_columns + 2) / table.width;
	if (!table.columns)
		table.columns = 1;
	table.rows = (choices->count + table.columns - 1) / table.columns;
	table.shown = choices->count;
	if (table.rows > most) {
		table.rows = most;
		table.shown = most * table.columns;
	}
	return table;
}

static void
print_row(const struct editor_choices *choices, const struct table *table,
	size_t row, size_t columns)
{
	for (size_t i = row; i < table->shown; i += table->rows) {
		wchar_t *text = edit_decode_shown(choices->all[i].shown);
		size_t width = text ? edit_width(text) : 0;

		edit_print(text ? text : L"?", columns);
		free(text);
		if (i + table->rows < table->shown)
			printf("%*s", (int)(table->width - width), "");
	}
	putchar('\n');
}

static void
list(struct edit *edit, const struct editor_choices *choices)
{
	struct screen screen = edit_screen(edit);
	struct table table = lay_out(choices, screen);

	edit_leave_line(edit);
	for (size_t row = 0; row < table.rows; row++)
		print_row(choices, &table, row, (size_t)screen.columns - 1);
	if (choices->more)
		puts("... and more");
	else if (table.shown < choices->count)
		printf("... and %zu more\n", choices->count - table.shown);
	edit_draw_here(edit);
}

/* --- The word ----------------------------------------------------------- */

/* Bytes that all choices begin with, of whole characters. */
static size_t
common(const struct editor_choices *choices)
{
	const char *first = choices->all[0].text;
	size_t len = strlen(first);

	for (size_t i = 1; i < choices->count; i++) {
		const char *other = choices->all[i].text;
		size_t same = 0;

		while (same < len && first[same] == other[same])
			same++;
		len = same;
	}
	while (len && (first[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static bool
is_one(const struct editor_choices *choices, size_t same)
{
	for (size_t i = 0; i < choices->count; i++)
		if (choices->all[i].text[same])
			return false;
	return !choices->more;
}

/* The line up to the cursor ends with @word, which becomes @text. */
static void
replace_word(struct edit *edit, const wchar_t *word, const wchar_t *text)
{
	size_t len = wcslen(word);
	size_t all, cursor;

	if (wcsncmp(word, text, len) != 0) {
		edit_line(edit, &all, &cursor);
		edit_delete(edit, cursor - len, cursor);
		len = 0;
	}
	if (text[len])
		el_winsertstr(edit->el, text + len);
}

/* A space behind a word that is complete, or over the one that is there. */
static void
leave_word(struct edit *edit)
{
	size_t len, cursor;
	const wchar_t *line = edit_line(edit, &len, &cursor);

	if (cursor < len && line[cursor] == L' ')
		el_cursor(edit->el, 1);
	else
		el_winsertstr(edit->el, L" ");
}

static unsigned char
offer(struct edit *edit, const char *typed, size_t typed_len,
	const struct editor_choices *choices)
{
	size_t same = common(choices);
	bool one = is_one(choices, same);
	wchar_t *word = edit_decode(typed, typed_len);
	wchar_t *text = edit_decode(choices->all[0].text, same);
	unsigned char result = CC_REFRESH;

	if (!word || !text) {
		result = CC_ERROR;
	} else if (one) {
		replace_word(edit, word, text);
		leave_word(edit);
	} else if (wcslen(text) >= wcslen(word) && wcscmp(text, word) != 0) {
		replace_word(edit, word, text);
	} else {
		list(edit, choices);
		result = CC_NORM;
	}
	free(word);
	free(text);
	return result;
}

unsigned char
edit_complete(EditLine *el, wint_t key)
{
	struct edit *edit = edit_of(el);
	struct editor_choices choices = {0};
	unsigned char result = CC_ERROR;
	size_t cursor;

	(void)key;
	if (!edit->hooks.complete)
		return CC_ERROR;
	char *line = edit_line_bytes(edit, &cursor);
	if (line &&
		!edit->hooks.complete(
			edit->hooks.context, line, cursor, &choices) &&
		choices.count && choices.start <= cursor)
		result = offer(edit, line + choices.start,
			cursor - choices.start, &choices);
	free(line);
	editor_choices_free(&choices);
	return result;
}

#endif
