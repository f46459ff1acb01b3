/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_sample.c - what the store is now, and what happened since the last look.
 *
 * The feed has room for so many changes only, so it is read more often when
 * it fills faster. Neither that nor the walks may take up this process.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "top.h"

#define MS UINT64_C(1000000)

enum {
	SLICE_LEAST_MS = 2,
	SLICE_MOST_MS = 100,
	READ_MOST_MS = 50, /* at once, of the feed */
	WALK_MOST_MS = 20, /* at once, over the keys */
	WALK_SHARE = 10, /* this part of the time is for walking */
	WAITED_MOST = 1000, /* keys that a walk adds to the table */
	ASKED_MOST = 256 /* keys whose time to live is asked for */
};

/* --- The feed ------------------------------------------------------------ */

static void
count_event(struct top *top, const struct spl_event *event)
{
	if (!*event->key)
		return;
	struct top_key *row = top_keys_find(&top->keys, event->key, true);
	if (!row) {
		top->keys.unnamed += event->changes;
		return;
	}
	row->counting += event->changes;
	row->epoch = event->epoch;
	row->len = event->len;
	row->absent = event->what & (SPL_UNSET | SPL_EXPIRED);
}

/* Whoever fills it faster than this reads is met again at the next slice. */
static int
read_events(struct top *top, uint64_t until_ns)
{
	enum { ROOM = 256 };
	struct spl_event events[ROOM];
	int rc;

	do {
		rc = spl_feed_read(top->feed, events, ROOM, 0);
		for (int i = 0; i < rc; i++)
			count_event(top, &events[i]);
	} while (rc > 0 && cli_now_ns() < until_ns);
	return rc < 0 && rc != -ENOMEM ? rc : 0;
}

/* Half of the ring is as much as may pass between two reads; aim at less. */
static void
adapt_slice(struct top *top, uint64_t passed, uint64_t took_ns)
{
	uint64_t least = SLICE_LEAST_MS * MS;

	if (passed > top->info.feed_len / 4)
		top->slice_ns /= 2;
	else if (passed < top->info.feed_len / 16)
		top->slice_ns *= 2;
	/* At most half of the time goes into reading. */
	if (took_ns > least)
		least = took_ns;
	if (top->slice_ns > SLICE_MOST_MS * MS)
		top->slice_ns = SLICE_MOST_MS * MS;
	if (top->slice_ns < least)
		top->slice_ns = least;
}

static int
follow(struct top *top)
{
	struct spl_feed_stat before, after;
	uint64_t begin = cli_now_ns();

	if (!top->feed)
		return 0;
	int rc = spl_feed_info(top->feed, &before);
	if (rc >= 0)
		rc = read_events(top, begin + READ_MOST_MS * MS);
	if (rc >= 0)
		rc = spl_feed_info(top->feed, &after);
	if (rc >= 0)
		adapt_slice(top,
			after.sequence - before.sequence + after.behind,
			cli_now_ns() - begin);
	return rc;
}

/* --- Walks --------------------------------------------------------------- */

static void
meet(struct top *top, const struct spl_key_stat *stat)
{
	struct top_walk *walk = &top->walk;

	walk->met++;
	walk->mortal += stat->ttl_ms != UINT64_MAX;
	walk->waited += stat->waited;
	if (!stat->waited)
		return;
	struct top_key *row = top_keys_find(
		&top->keys, stat->key, walk->waited <= WAITED_MOST);
	if (!row)
		return;
	row->walk = walk->number;
	row->epoch = stat->epoch;
	row->len = stat->len;
	row->absent = false;
}

static void
finish_walk(struct top *top)
{
	struct top_walk *walk = &top->walk;

	spl_list_end(walk->list);
	walk->list = NULL;
	walk->waited_keys = walk->waited;
	walk->mortal_keys = walk->mortal;
	walk->done_ns = cli_now_ns();
	for (size_t i = 0; i < top->keys.count; i++)
		top->keys.rows[i].waited =
			top->keys.rows[i].walk == walk->number;
}

static int
begin_walk(struct top *top)
{
	struct top_walk *walk = &top->walk;

	walk->met = 0;
	walk->waited = 0;
	walk->mortal = 0;
	walk->number++;
	int rc = spl_list_begin(
		top->cli->store, top->cli->prefix, NULL, &walk->list);
	if (rc < 0)
		walk->list = NULL;
	return rc == -ENOMEM ? 0 : rc;
}

/* Keys that cannot be read are passed over; they count another time. */
static void
step(struct top *top, uint64_t until_ns)
{
	enum { BETWEEN_CLOCKS = 64 };
	struct spl_key_stat stat;
	int rc = 1;

	while (rc && cli_now_ns() < until_ns)
		for (int i = 0; rc && i < BETWEEN_CLOCKS; i++)
			if ((rc = spl_list_next(top->walk.list, &stat)) > 0)
				meet(top, &stat);
	if (!rc)
		finish_walk(top);
}

/* What was used too much is missing the next time. */
static void
walk_on(struct top *top)
{
	struct top_walk *walk = &top->walk;
	int64_t most = (int64_t)(top->interval_ms * MS / WALK_SHARE);
	uint64_t begin = cli_now_ns();

	walk->allowance_ns +=
		(int64_t)((begin - walk->allowed_ns) / WALK_SHARE);
	walk->allowed_ns = begin;
	if (walk->allowance_ns > most)
		walk->allowance_ns = most;
	if (!walk->list || walk->allowance_ns <= 0)
		return;
	uint64_t room = (uint64_t)walk->allowance_ns;
	step(top,
		begin + (room < WALK_MOST_MS * MS ? room : WALK_MOST_MS * MS));
	walk->allowance_ns -= (int64_t)(cli_now_ns() - begin);
}

/* --- Writers ------------------------------------------------------------- */

static void
read_command(struct top_writer *writer)
{
	char path[40];

	snprintf(
		path, sizeof(path), "/proc/%" PRId32 "/comm", writer->stat.pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(writer->command, sizeof(writer->command), file))
		writer->command[strcspn(writer->command, "\n")] = '\0';
	else
		*writer->command = '\0';
	fclose(file);
}

/* A number that is none of a process would stand for several, or all. */
static void
find_process(struct top_writer *writer)
{
	pid_t pid = writer->stat.pid;

	if (pid <= 0)
		return;
	writer->dead = kill(pid, 0) && errno == ESRCH;
	if (!writer->dead)
		read_command(writer);
}

/* The entry's count goes on with its next owner, whose rate it is not. */
static double
writes_a_second(const struct top *top, const struct spl_writer_stat *stat)
{
	const struct spl_writer_stat *before = &top->before[stat->entry];

	if (!(top->elapsed_s > 0) || before->pid != stat->pid ||
		before->writes > stat->writes)
		return -1;
	return (double)(stat->writes - before->writes) / top->elapsed_s;
}

static int
busiest_first(const void *left, const void *right)
{
	const struct top_writer *a = left;
	const struct top_writer *b = right;

	if (a->rate > b->rate || a->rate < b->rate)
		return a->rate < b->rate ? 1 : -1;
	return a->stat.entry < b->stat.entry ? -1 : 1;
}

static void
remember_writers(struct top *top)
{
	memset(top->before, 0, top->info.writers * sizeof(*top->before));
	for (size_t i = 0; i < top->writer_count; i++)
		top->before[top->writers[i].stat.entry] = top->writers[i].stat;
}

static int
look_at_writers(struct top *top)
{
	int rc = spl_writers(top->cli->store, top->stats, top->info.writers);
	size_t count = rc < 0 ? 0 : (size_t)rc;

	top->writer_count = 0;
	top->dead_count = 0;
	if (count > top->info.writers)
		count = top->info.writers;
	for (size_t i = 0; i < count; i++) {
		struct top_writer *writer = &top->writers[top->writer_count];

		if (top->stats[i].entry >= top->info.writers)
			continue;
		*writer = (struct top_writer){.stat = top->stats[i]};
		writer->rate = writes_a_second(top, &writer->stat);
		find_process(writer);
		top->dead_count += writer->dead;
		top->writer_count++;
	}
	remember_writers(top);
	if (top->writer_count)
		qsort(top->writers, top->writer_count, sizeof(*top->writers),
			busiest_first);
	return rc < 0 ? rc : 0;
}

/* --- All of it ----------------------------------------------------------- */

static int
look_at_store(struct top *top)
{
	struct spl_store_stat before = top->info;
	uint64_t before_ns = top->now_ns;
	int rc = spl_store_info(top->cli->store, &top->info);

	if (rc < 0)
		return rc;
	top->now_ns = cli_now_ns();
	top->rate = -1;
	if (!before_ns || top->now_ns <= before_ns)
		return 0;
	top->elapsed_s = (double)(top->now_ns - before_ns) / 1e9;
	if (top->info.epoch >= before.epoch)
		top->rate = (double)(top->info.epoch - before.epoch) /
			    top->elapsed_s;
	return 0;
}

static int
look_at_feed(struct top *top)
{
	uint64_t before = top->read.missed;
	int rc = follow(top);

	if (rc >= 0 && top->feed)
		rc = spl_feed_info(top->feed, &top->read);
	top->missed = top->read.missed - before;
	return rc;
}

/* One that went meanwhile is shown as it was. */
void
top_look_at_keys(struct top *top)
{
	struct top_keys *keys = &top->keys;
	struct spl_key_stat stat;

	top_keys_sort(keys, top->sort);
	for (size_t i = 0; i < keys->shown && i < ASKED_MOST; i++) {
		struct top_key *row = keys->order[i];
		int rc = spl_stat(top->cli->store, row->key, &stat);

		row->absent = rc == -ENOENT;
		if (rc < 0)
			continue;
		row->epoch = stat.epoch;
		row->len = stat.len;
		row->ttl_ms = stat.ttl_ms;
		row->waited = stat.waited;
	}
}

int
top_sample(struct top *top)
{
	int rc = look_at_feed(top);

	if (rc >= 0)
		rc = look_at_store(top);
	if (rc >= 0)
		rc = look_at_writers(top);
	top_keys_turn(&top->keys);
	if (rc >= 0 && !top->walk.list)
		rc = begin_walk(top);
	walk_on(top);
	top_look_at_keys(top);
	return rc;
}

int
top_go_on(struct top *top)
{
	walk_on(top);
	return follow(top);
}

static int
open_feed(struct top *top)
{
	struct spl_feed_options options;

	spl_feed_options_init(&options);
	options.prefix = *top->cli->prefix ? top->cli->prefix : NULL;
	int rc = spl_feed_open(top->cli->store, &options, &top->feed);
	if (rc < 0)
		top->feed = NULL;
	return rc == -ENOMEM ? 0 : rc;
}

int
top_open(struct top *top)
{
	int rc = spl_store_info(top->cli->store, &top->info);

	if (rc < 0)
		return rc;
	size_t entries = top->info.writers;
	top->writers = calloc(entries, sizeof(*top->writers));
	top->stats = calloc(entries, sizeof(*top->stats));
	top->before = calloc(entries, sizeof(*top->before));
	if (!top->writers || !top->stats || !top->before)
		return -ENOMEM;
	top->slice_ns = SLICE_LEAST_MS * MS;
	top->walk.allowance_ns = (int64_t)(top->interval_ms * MS / WALK_SHARE);
	top->walk.allowed_ns = cli_now_ns();
	return open_feed(top);
}

void
top_close(struct top *top)
{
	spl_list_end(top->walk.list);
	spl_feed_close(top->feed);
	top_keys_free(&top->keys);
	free(top->writers);
	free(top->stats);
	free(top->before);
}
