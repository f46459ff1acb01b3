/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_json.c - a sample as one object on one line. What is not known has no
 * member.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "text.h"
#include "top.h"

enum { KEYS_MOST = 100 };

/* Behind another member. */
static void
put_decimal(const char *name, double number)
{
	printf(",\"%s\":%.6f", name, number);
}

static void
put_time(struct json *json)
{
	time_t now = time(NULL);
	char text[TOP_TEXT];
	struct tm tm;

	if (gmtime_r(&now, &tm) &&
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_string(json, "time", text);
}

static void
put_store(struct json *json, const struct top *top)
{
	const struct spl_store_stat *info = &top->info;

	json_string(json, "store", top->cli->store_name);
	json_string(
		json, "kind", top->cli->kind == SPL_MEMORY ? "memory" : "file");
	put_time(json);
	if (top->elapsed_s > 0)
		put_decimal("elapsed_s", top->elapsed_s);
	json_number(json, "slots", info->slots);
	json_number(json, "keys", info->keys);
	json_number(json, "free",
		info->slots > info->keys ? info->slots - info->keys : 0);
	json_number(json, "max_value", info->max_value);
	json_number(json, "size", info->size);
	json_number(json, "reserved_size", info->reserved_size);
	json_number(json, "auto_vacuum", info->auto_vacuum);
	json_number(json, "wake_always", info->wake_always);
	json_number(json, "repairs", info->repairs);
	json_number(json, "parse_failures", info->parse_failures);
	json_number(json, "last_failure_epoch", info->last_failure_epoch);
}

static void
put_changes(struct json *json, const struct top *top)
{
	json_number(json, "epoch", top->info.epoch);
	if (top->rate >= 0)
		put_decimal("changes_per_second", top->rate);
	json_number(json, "feed_len", top->info.feed_len);
	if (top->rate > 0)
		put_decimal(
			"feed_seconds", (double)top->info.feed_len / top->rate);
	if (!top->feed)
		return;
	json_number(json, "missed", top->missed);
	json_number(json, "missed_ever", top->read.missed);
	json_number(json, "behind", top->read.behind);
}

static void
put_waiters(struct json *json, const struct top *top)
{
	json_number(json, "waited_new", top->info.waited_new);
	json_number(json, "waited_any", top->info.waited_any);
	if (!top->walk.done_ns)
		return;
	json_number(json, "waited_keys", top->walk.waited_keys);
	json_number(json, "ttl_keys", top->walk.mortal_keys);
	/* A walk can end after what else is said here was read. */
	json_number(json, "counted_ms_ago",
		top->now_ns > top->walk.done_ns
			? (top->now_ns - top->walk.done_ns) / 1000000
			: 0);
}

static void
put_key(const struct top *top, const struct top_key *key)
{
	struct json json;

	json_begin(&json);
	json_string(&json, "key", cli_key_shown(top->cli, key->key));
	json_number(&json, "sets", key->sets);
	if (top->elapsed_s > 0)
		put_decimal(
			"sets_per_second", (double)key->sets / top->elapsed_s);
	json_number(&json, "total", key->total);
	json_number(&json, "epoch", key->epoch);
	if (!key->absent)
		json_number(&json, "length", key->len);
	if (!key->absent && key->ttl_ms != UINT64_MAX)
		json_number(&json, "ttl_ms", key->ttl_ms);
	json_number(&json, "waited", key->waited);
	json_number(&json, "gone", key->absent);
	putchar('}');
}

static void
put_keys(const struct top *top)
{
	const struct top_keys *keys = &top->keys;

	printf(",\"hot_keys\":[");
	for (size_t i = 0; i < keys->shown && i < KEYS_MOST; i++) {
		if (i)
			putchar(',');
		put_key(top, keys->order[i]);
	}
	putchar(']');
}

static void
put_writer(const struct top_writer *writer)
{
	struct json json;

	json_begin(&json);
	json_number(&json, "entry", writer->stat.entry);
	json_signed(&json, "pid", writer->stat.pid);
	if (*writer->command)
		json_string(&json, "command", writer->command);
	json_number(&json, "age_ms", writer->stat.age_ms);
	json_number(&json, "writes", writer->stat.writes);
	if (writer->rate >= 0)
		put_decimal("writes_per_second", writer->rate);
	json_number(&json, "busy", writer->stat.busy);
	json_number(&json, "claim", writer->stat.claim);
	json_number(&json, "dead", writer->dead);
	putchar('}');
}

static void
put_writers(const struct top *top)
{
	printf(",\"owners\":[");
	for (size_t i = 0; i < top->writer_count; i++) {
		if (i)
			putchar(',');
		put_writer(&top->writers[i]);
	}
	putchar(']');
}

void
top_print_json(const struct top *top)
{
	struct json json;

	json_begin(&json);
	put_store(&json, top);
	put_changes(&json, top);
	put_waiters(&json, top);
	json_number(&json, "keys_changed", top->keys.changed);
	json_number(&json, "sets_unnamed", top->keys.unnamed);
	put_keys(top);
	json_number(&json, "writers", top->info.writers);
	json_number(&json, "writers_owned", top->info.writers_owned);
	put_writers(top);
	json_end(&json);
}
