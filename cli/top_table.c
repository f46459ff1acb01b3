/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_table.c - the keys and the writers, a row each, and how many of them
 * there is room for.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "top.h"

enum {
	NAME_LEAST = 10, /* columns of a table's first one */
	NAME_USUAL = 40,
	NAME_USUAL_ON_PAGE = 30,
	PAGE_ROWS = 20 /* of each table, where there is no screen */
};

/* --- Rows and columns ----------------------------------------------------- */

/* Behind a name come columns that are as wide as they need be. */
struct column {
	const char *title;
	size_t width; /* with the space before it */
	int rank; /* the highest goes first where there is no room */
	void (*write)(const struct top *top, const void *row, char *text);
};

struct table {
	const char *title; /* of the name */
	const struct column *columns;
	size_t column_count;
	size_t shown;
	size_t count;
	const void *(*row)(const struct top *top, size_t index);
	const char *(*name)(const struct top *top, const void *row);
	size_t name_width; /* to begin with, what is usual */
	unsigned left_out; /* bits of columns */
};

static void
write_sets(const struct top *top, const void *row, char *text)
{
	const struct top_key *key = row;

	top_rate_text(text,
		top->elapsed_s > 0 ? (double)key->sets / top->elapsed_s : -1);
}

static void
write_epoch(const struct top *top, const void *row, char *text)
{
	(void)top;
	snprintf(text, TOP_TEXT, "%" PRIu64,
		((const struct top_key *)row)->epoch);
}

static void
write_len(const struct top *top, const void *row, char *text)
{
	const struct top_key *key = row;

	(void)top;
	if (key->absent)
		snprintf(text, TOP_TEXT, "gone");
	else
		snprintf(text, TOP_TEXT, "%" PRIu64, key->len);
}

static void
write_ttl(const struct top *top, const void *row, char *text)
{
	const struct top_key *key = row;

	(void)top;
	if (key->absent || key->ttl_ms == UINT64_MAX)
		snprintf(text, TOP_TEXT, "-");
	else
		top_time_text(text, key->ttl_ms);
}

static void
write_waited(const struct top *top, const void *row, char *text)
{
	(void)top;
	snprintf(text, TOP_TEXT, "%s",
		((const struct top_key *)row)->waited ? "yes" : "-");
}

static const struct column key_columns[] = {
	{"SETS/S", 8, 0, write_sets},
	{"EPOCH", 14, 4, write_epoch},
	{"LENGTH", 9, 2, write_len},
	{"TTL", 8, 3, write_ttl},
	{"WAITED", 8, 1, write_waited},
};

static const void *
key_row(const struct top *top, size_t index)
{
	return top->keys.order[index];
}

static const char *
key_name(const struct top *top, const void *row)
{
	return cli_key_shown(top->cli, ((const struct top_key *)row)->key);
}

static void
write_writes(const struct top *top, const void *row, char *text)
{
	(void)top;
	top_rate_text(text, ((const struct top_writer *)row)->rate);
}

static void
write_pid(const struct top *top, const void *row, char *text)
{
	(void)top;
	snprintf(text, TOP_TEXT, "%" PRId32,
		((const struct top_writer *)row)->stat.pid);
}

static void
write_age_of_writer(const struct top *top, const void *row, char *text)
{
	(void)top;
	top_time_text(text, ((const struct top_writer *)row)->stat.age_ms);
}

static void
write_entry(const struct top *top, const void *row, char *text)
{
	(void)top;
	snprintf(text, TOP_TEXT, "%" PRIu32,
		((const struct top_writer *)row)->stat.entry);
}

/* A dead one's step is the one it died in. */
static void
write_state(const struct top *top, const void *row, char *text)
{
	const struct top_writer *writer = row;
	const char *what = writer->stat.claim  ? "claim"
			   : writer->stat.busy ? "busy"
					       : "";

	(void)top;
	snprintf(text, TOP_TEXT, "%s%s%s", writer->dead ? "dead" : "",
		writer->dead && *what ? " " : "",
		writer->dead || *what ? what : "-");
}

static const struct column writer_columns[] = {
	{"WRITES/S", 10, 0, write_writes},
	{"ENTRY", 7, 4, write_entry},
	{"PID", 11, 1, write_pid},
	{"AGE", 8, 3, write_age_of_writer},
	{"STATE", 11, 2, write_state},
};

static const void *
writer_row(const struct top *top, size_t index)
{
	return &top->writers[index];
}

static const char *
writer_name(const struct top *top, const void *row)
{
	const struct top_writer *writer = row;

	(void)top;
	return *writer->command ? writer->command : "-";
}

/* On a screen columns should not jump with each name. */
static size_t
longest_name(const struct top_view *view, const struct table *table)
{
	size_t longest = table->name_width;

	for (size_t i = 0; i < table->shown; i++) {
		const void *row = table->row(view->top, i);
		size_t width = text_width(table->name(view->top, row));

		longest = width > longest ? width : longest;
	}
	return longest;
}

/* What is left for names, and which columns that leaves out. */
static void
fit_columns(const struct top_view *view, struct table *table)
{
	size_t left =
		view->columns > NAME_LEAST ? view->columns - NAME_LEAST : 0;
	size_t used = 0;
	bool fits = true;

	for (int rank = 0; rank < (int)table->column_count; rank++)
		for (size_t i = 0; i < table->column_count; i++) {
			const struct column *column = &table->columns[i];

			if (column->rank != rank)
				continue;
			fits = fits && used + column->width <= left;
			if (fits)
				used += column->width;
			else
				table->left_out |= 1U << i;
		}
	size_t longest = longest_name(view, table);
	table->name_width = view->columns - used;
	if (!view->rows || longest < table->name_width)
		table->name_width = longest;
}

static void
show_head(struct top_view *view, const struct table *table)
{
	char title[2 * TOP_TEXT];
	size_t width = table->name_width;

	if (table->shown < table->count)
		snprintf(title, sizeof(title), "%s, %zu of %zu", table->title,
			table->shown, table->count);
	else
		snprintf(title, sizeof(title), "%s", table->title);
	top_begin_line(view);
	fputs(view->rows ? "\033[7m" : "", view->out);
	text_show_column(view->out, title, width);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];

		if (table->left_out & 1U << i)
			continue;
		fprintf(view->out, "%*s", (int)column->width, column->title);
		width += column->width;
	}
	if (view->rows) {
		fprintf(view->out, "%*s\033[m", (int)(view->columns - width),
			"");
		width = view->columns;
	}
	top_end_line(view, width);
}

static void
show_row(struct top_view *view, const struct table *table, const void *row)
{
	size_t width = table->name_width;
	char text[TOP_TEXT];

	top_begin_line(view);
	text_show_column(
		view->out, table->name(view->top, row), table->name_width);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];

		if (table->left_out & 1U << i)
			continue;
		column->write(view->top, row, text);
		fprintf(view->out, "%*s", (int)column->width, text);
		width += column->width;
	}
	top_end_line(view, width);
}

static void
show_table(struct top_view *view, struct table *table)
{
	fit_columns(view, table);
	show_head(view, table);
	for (size_t i = 0; i < table->shown; i++)
		show_row(view, table, table->row(view->top, i));
}

/* --- How much of the tables there is room for ---------------------------- */

static size_t
least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Writers get a third, and what keys do not need. */
static void
share_rows(
	const struct top_view *view, struct table *keys, struct table *writers)
{
	enum { HINT = 1, HEAD = 1, FEW = 6 };
	size_t left = top_rows_left(view);

	keys->count = view->top->keys.shown;
	writers->count = view->top->writer_count;
	if (!view->rows) {
		keys->shown = least_of(keys->count, PAGE_ROWS);
		writers->shown = least_of(writers->count, PAGE_ROWS);
		return;
	}
	bool both = writers->count && left >= HINT + FEW;
	left -= least_of(left, both ? HINT + 2 * HEAD : HINT + HEAD);
	if (both)
		writers->shown = least_of(writers->count, (left + 2) / 3);
	keys->shown = least_of(keys->count, left - writers->shown);
	if (both)
		writers->shown = least_of(writers->count, left - keys->shown);
}

static const char *
no_keys(const struct top *top)
{
	if (!top->feed)
		return "no memory to follow the changes of keys";
	return "no key has changed yet";
}

static void
show_blank_if(struct top_view *view, bool there_is_room)
{
	if (there_is_room)
		top_put_line(view, "");
}

void
top_show_tables(struct top_view *view)
{
	static const char *const titles[TOP_SORTS] = {
		[TOP_BY_RATE] = "KEY by rate",
		[TOP_BY_EPOCH] = "KEY by epoch",
		[TOP_BY_NAME] = "KEY by name",
	};
	struct table keys = {
		.title = titles[view->top->sort],
		.columns = key_columns,
		.column_count = sizeof(key_columns) / sizeof(key_columns[0]),
		.row = key_row,
		.name = key_name,
	};
	struct table writers = {
		.title = "WRITER",
		.columns = writer_columns,
		.column_count =
			sizeof(writer_columns) / sizeof(writer_columns[0]),
		.row = writer_row,
		.name = writer_name,
	};

	share_rows(view, &keys, &writers);
	keys.name_width = view->rows ? NAME_USUAL : NAME_USUAL_ON_PAGE;
	size_t needed = keys.shown + !keys.shown + writers.shown + 3;
	show_blank_if(view, top_rows_left(view) >= needed + 2);
	if (keys.shown)
		show_table(view, &keys);
	else if (!keys.count)
		top_put_line(view, no_keys(view->top));
	if (!writers.shown)
		return;
	/* One below the other. */
	writers.name_width = keys.name_width;
	show_blank_if(view, top_rows_left(view) >= writers.shown + 3);
	show_table(view, &writers);
}
