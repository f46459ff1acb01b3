/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top.h - one look after the other at a store, and how each is shown.
 *
 * A look ("sample") has what the store says of itself, and what happened
 * since the look before: sets of each key from a feed, and differences of
 * counters, divided by the time that really passed.
 *
 * Looking must not be felt: the store is only read, the feed is never waited
 * for (its writers would wake us), and no more than a tenth of the time goes
 * into walks over all keys.
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <stdio.h>

#include "command.h"

/* --- top_keys.c: the keys that changed, or that somebody waits for -------- */

struct top_key {
	char key[SPL_KEY_MAX + 1];
	uint64_t counting; /* sets in the interval that is under way */
	uint64_t sets; /* in the one before, which is shown */
	uint64_t total; /* in all that are shown */
	uint64_t epoch;
	uint64_t len;
	uint64_t ttl_ms; /* UINT64_MAX: no end */
	uint64_t walk; /* the last one that found somebody waiting */
	bool waited;
	bool absent; /* it went */
};

enum top_sort { TOP_BY_RATE, TOP_BY_EPOCH, TOP_BY_NAME, TOP_SORTS };

/* Starts as zeroes; top_keys_free() gives the memory back. */
struct top_keys {
	struct top_key *rows;
	struct top_key **order; /* to be shown in; gone with a new row */
	uint32_t *places; /* by hash: 1 + index of the row; 0: none */
	size_t count;
	size_t cap;
	size_t shown; /* rows in order */
	size_t changed; /* rows that have sets */
	uint64_t unnamed; /* sets of keys that there was no room for */
};

/* The key's row; a new one if it is @wanted, null without one. */
struct top_key *top_keys_find(
	struct top_keys *keys, const char *key, bool wanted);
/* The interval is over: what was counted is shown, what is old goes. */
void top_keys_turn(struct top_keys *keys);
/* Those with a set that was counted, or a waiter, into order. */
void top_keys_sort(struct top_keys *keys, enum top_sort sort);
void top_keys_free(struct top_keys *keys);

/* --- top_sample.c: the store now, and since the look before -------------- */

struct top_writer {
	struct spl_writer_stat stat;
	double rate; /* writes a second; < 0: not known */
	bool dead; /* no such process here */
	char command[32]; /* empty: not known */
};

/* A walk over all keys, in steps; what it counts, and what the last did. */
struct top_walk {
	spl_list *list; /* null: none is under way */
	uint64_t number;
	int64_t allowance_ns;
	uint64_t allowed_ns; /* when the allowance was last raised */
	uint64_t met, waited, mortal; /* keys so far */
	uint64_t waited_keys; /* that somebody waits for */
	uint64_t mortal_keys; /* that have a time to live */
	uint64_t done_ns; /* 0: none was finished yet */
};

struct top {
	const struct cli *cli;
	uint64_t interval_ms;
	enum top_sort sort;
	spl_feed *feed; /* null: there was no memory for it */
	struct top_keys keys;
	struct spl_store_stat info;
	uint64_t now_ns; /* of the last sample */
	double elapsed_s; /* since the one before; 0: there was none */
	double rate; /* changes a second; < 0: not known */
	struct spl_feed_stat read; /* by the feed, as of the last sample */
	uint64_t missed; /* since the sample before */
	uint64_t slice_ns; /* until the feed has to be read again */
	struct top_writer *writers;
	size_t writer_count;
	size_t dead_count;
	struct spl_writer_stat *stats; /* writers as they were read */
	struct spl_writer_stat *before; /* by entry; writes and pid */
	struct top_walk walk;
};

/*
 * top_open - begin with what is in @cli, interval_ms and sort; the first
 * sample follows. Returns 0 or a negative errno; top_close() is due in any
 * case.
 */
int top_open(struct top *top);
/* Reads the feed, goes on with a walk: every slice_ns, and more often. */
int top_go_on(struct top *top);
int top_sample(struct top *top);
/* Sorts the keys again, and asks for time to live and waiters of the first. */
void top_look_at_keys(struct top *top);
void top_close(struct top *top);

/* --- top_format.c: numbers fit for a column ------------------------------ */

enum { TOP_TEXT = 40 };
void top_rate_text(char *text, double rate); /* "-" below 0; 12.3K is 12,300 */
void top_size_text(char *text, uint64_t bytes); /* 4.2M; K is 1024 */
void top_time_text(char *text, uint64_t ms); /* 850ms, 12s, 5m12s, 2h03m */

/* --- top_view.c, top_table.c, top_json.c -------------------------------- */

struct top_view {
	FILE *out;
	const struct top *top;
	size_t columns;
	size_t rows; /* 0: no screen but lines, as many as there are */
	size_t row; /* that is being written, from 1 */
	bool has_keys; /* keys can be typed */
	bool paused;
};

void top_show(struct top_view *view);
void top_show_tables(struct top_view *view);
/* A line, of so many columns when it ends; a whole one, cut to fit. */
void top_begin_line(struct top_view *view);
void top_end_line(struct top_view *view, size_t width);
void top_put_line(struct top_view *view, const char *text);
/* Without a screen there is always room. */
size_t top_rows_left(const struct top_view *view);
void top_print_json(const struct top *top);

#endif
