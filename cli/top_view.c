/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_view.c - a sample as lines that fit a terminal, or a page.
 *
 * First what matters most: where there is no room, the last goes. A screen is
 * written row by row over the one before, so that nothing flickers.
 */
#define _GNU_SOURCE 1

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text.h"
#include "top.h"

enum {
	LINE_MOST = 240, /* columns that are used */
	NAME_LEAST = 10 /* columns of the store's name */
};

/* --- Lines --------------------------------------------------------------- */

void
top_begin_line(struct top_view *view)
{
	view->row++;
	if (view->rows)
		fprintf(view->out, "\033[%zu;1H", view->row);
}

/* Erasing in the last column would take what is there. */
void
top_end_line(struct top_view *view, size_t width)
{
	if (!view->rows)
		putc('\n', view->out);
	else if (width < view->columns)
		fputs("\033[K", view->out);
}

void
top_put_line(struct top_view *view, const char *text)
{
	size_t width = strlen(text);

	if (width > view->columns)
		width = view->columns;
	top_begin_line(view);
	fprintf(view->out, "%.*s", (int)width, text);
	top_end_line(view, width);
}

/* Without a screen all rows are left. */
size_t
top_rows_left(const struct top_view *view)
{
	if (!view->rows)
		return SIZE_MAX;
	return view->rows > view->row ? view->rows - view->row : 0;
}

/* --- The first line ------------------------------------------------------ */

/* The time when it was drawn, and the time between. */
static void
write_when(const struct top_view *view, char *text, size_t size)
{
	const char *format = view->rows ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S";
	time_t now = time(NULL);
	char clock[TOP_TEXT] = "-";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), format, &tm);
	if (view->paused)
		snprintf(text, size, "paused");
	else if (view->top->elapsed_s > 0)
		snprintf(text, size, "%s, over %.2fs", clock,
			view->top->elapsed_s);
	else
		snprintf(text, size, "%s", clock);
}

static void
show_title(struct top_view *view)
{
	const struct top *top = view->top;
	const char *name = top->cli->store_name;
	size_t name_width = text_width(name);
	char when[2 * TOP_TEXT];
	char kind[80];

	write_when(view, when, sizeof(when));
	int kind_width = snprintf(kind, sizeof(kind), ": %s, auto-vacuum %s%s",
		top->cli->kind == SPL_MEMORY ? "memory" : "file",
		top->info.auto_vacuum ? "on" : "off",
		top->info.wake_always ? ", wakes always" : "");
	size_t when_width = strlen(when);
	size_t room = view->columns;
	/* Without a screen nothing of it is cut. */
	if (!view->rows)
		room = SIZE_MAX;
	else if (room > when_width + 5 + NAME_LEAST)
		room -= when_width + 2;
	if (name_width > room)
		name_width = room;
	if ((size_t)kind_width > room - name_width)
		kind_width = (int)(room - name_width);
	top_begin_line(view);
	text_show_column(view->out, name, name_width);
	fprintf(view->out, "%.*s", kind_width, kind);
	size_t width = name_width + (size_t)kind_width;
	if (!view->rows) {
		fprintf(view->out, "  %s", when);
	} else if (room < view->columns) {
		int gap = (int)(room - width) + 2;
		fprintf(view->out, "%*s%s", gap, "", when);
		width = view->columns;
	}
	top_end_line(view, width);
}

/* --- What there is one of: items that flow ------------------------------- */

struct flow {
	struct top_view *view;
	size_t lines; /* that may still be begun */
	size_t len;
	char line[LINE_MOST + 1];
};

static void
end_flow(struct flow *flow)
{
	if (flow->len)
		top_put_line(flow->view, flow->line);
	flow->len = 0;
}

/* One that would not fit even on a line of its own is cut by that. */
static void
add_item(struct flow *flow, const char *text)
{
	enum { GAP = 3 };
	size_t columns = flow->view->columns;

	if (flow->len && flow->len + GAP + strlen(text) > columns)
		end_flow(flow);
	if (!flow->len && !flow->lines)
		return;
	flow->lines -= !flow->len;
	flow->len += (size_t)snprintf(flow->line + flow->len,
		sizeof(flow->line) - flow->len, "%s%s", flow->len ? "   " : "",
		text);
	if (flow->len > LINE_MOST)
		flow->len = LINE_MOST;
}

static void __attribute__((format(printf, 2, 3)))
item(struct flow *flow, const char *format, ...)
{
	va_list words;
	char *text;

	va_start(words, format);
	int len = vasprintf(&text, format, words);
	va_end(words);
	if (len < 0)
		return;
	add_item(flow, text);
	free(text);
}

static void
add_changes(struct flow *flow, const struct top *top)
{
	char rate[TOP_TEXT];

	top_rate_text(rate, top->rate);
	item(flow, "changes %s/s, %" PRIu64 " ever", rate, top->info.epoch);
	if (top->missed) {
		top_rate_text(rate, (double)top->missed);
		item(flow, "missed %s: rates of keys are estimates", rate);
	}
	if (top->keys.unnamed)
		item(flow, "too many keys: %" PRIu64 " sets are not told",
			top->keys.unnamed);
}

/* How long a feed may look away. */
static void
add_ring(struct flow *flow, const struct top *top)
{
	double ms = (double)top->info.feed_len * 1000 / top->rate;
	char time[TOP_TEXT];

	if (!(top->rate > 0)) {
		item(flow, "ring holds %" PRIu64 " changes",
			top->info.feed_len);
		return;
	}
	top_time_text(time, ms < 1e15 ? (uint64_t)ms : (uint64_t)1e15);
	item(flow, "ring holds %" PRIu64 " changes, %s", top->info.feed_len,
		time);
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

static void
add_keys(struct flow *flow, const struct top *top)
{
	const struct spl_store_stat *info = &top->info;
	uint64_t room = info->slots > info->keys ? info->slots - info->keys : 0;

	item(flow, "keys %" PRIu64 " of %" PRIu64 " (%.0f%%), %" PRIu64 " free",
		info->keys, info->slots, percent(info->keys, info->slots),
		room);
}

static void
add_memory(struct flow *flow, const struct top *top)
{
	char size[TOP_TEXT];
	char reserved[TOP_TEXT];

	top_size_text(size, top->info.size);
	top_size_text(reserved, top->info.reserved_size);
	item(flow, "memory %s, %s reserved", size, reserved);
}

/* How old the counts of the last walk are, once that is worth saying. */
static void
write_age(const struct top *top, char *text, size_t size)
{
	uint64_t age_ms = (top->now_ns - top->walk.done_ns) / 1000000;
	char age[TOP_TEXT];

	*text = '\0';
	if (top->now_ns <= top->walk.done_ns || age_ms <= top->interval_ms)
		return;
	top_time_text(age, age_ms);
	snprintf(text, size, " (counted %s ago)", age);
}

static void
add_waiters(struct flow *flow, const struct top *top)
{
	const struct top_walk *walk = &top->walk;
	char keys[2 * TOP_TEXT];
	char age[2 * TOP_TEXT] = "";

	if (walk->done_ns && !walk->waited_keys && !top->info.waited_new &&
		!top->info.waited_any) {
		item(flow, "nobody waits");
		return;
	}
	if (walk->done_ns) {
		write_age(top, age, sizeof(age));
		snprintf(keys, sizeof(keys), "%" PRIu64 " key%s",
			walk->waited_keys, walk->waited_keys == 1 ? "" : "s");
	} else {
		snprintf(keys, sizeof(keys), "counting keys, %.0f%%",
			percent(walk->met, top->info.keys));
	}
	item(flow, "waited for: %s%s%s%s", keys, age,
		top->info.waited_new ? ", new keys" : "",
		top->info.waited_any ? ", any change" : "");
}

static void
add_mortal_keys(struct flow *flow, const struct top *top)
{
	uint64_t keys = top->walk.mortal_keys;

	if (keys)
		item(flow, "time to live: %" PRIu64 " key%s", keys,
			keys == 1 ? "" : "s");
}

static void
add_writers(struct flow *flow, const struct top *top)
{
	char dead[TOP_TEXT] = "";

	if (top->dead_count)
		snprintf(dead, sizeof(dead), ", %zu dead", top->dead_count);
	item(flow, "writers %" PRIu32 " of %" PRIu32 "%s",
		top->info.writers_owned, top->info.writers, dead);
}

static void
show_summary(struct top_view *view)
{
	const struct spl_store_stat *info = &view->top->info;
	struct flow flow = {
		.view = view,
		.lines = view->rows ? 1 + top_rows_left(view) / 4 : SIZE_MAX,
	};

	add_changes(&flow, view->top);
	add_keys(&flow, view->top);
	add_waiters(&flow, view->top);
	add_memory(&flow, view->top);
	add_writers(&flow, view->top);
	add_ring(&flow, view->top);
	add_mortal_keys(&flow, view->top);
	item(&flow, "values up to %" PRIu64, info->max_value);
	item(&flow, "repairs %" PRIu64, info->repairs);
	item(&flow, "parse failures %" PRIu64, info->parse_failures);
	end_flow(&flow);
}

/* --- All of it ------------------------------------------------------------ */

static void
show_hint(struct top_view *view)
{
	if (!view->rows)
		return;
	/* What is left of the screen before. */
	if (view->row < view->rows)
		fprintf(view->out, "\033[%zu;1H\033[J", view->row + 1);
	view->row = view->rows - 1;
	if (!view->has_keys)
		top_put_line(view, "Ctrl-C leaves");
	else
		top_put_line(view, view->paused ? "q leave   p go on   s sort"
						: "q leave   p pause   s sort");
}

void
top_show(struct top_view *view)
{
	view->row = 0;
	if (view->columns > LINE_MOST)
		view->columns = LINE_MOST;
	show_title(view);
	show_summary(view);
	top_show_tables(view);
	show_hint(view);
}
