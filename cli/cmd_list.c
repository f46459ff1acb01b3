/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_list.c - the keys of a store, those changed last first.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "pattern.h"
#include "terminal.h"
#include "text.h"

struct entry {
	uint64_t epoch;
	uint64_t len;
	char key[SPL_KEY_MAX + 1]; /* as it is shown, without the prefix */
};

struct entries {
	struct entry *all;
	size_t count;
	size_t cap;
	size_t unreadable;
};

static int
add_entry(struct entries *entries, const struct spl_key_stat *stat,
	const char *shown)
{
	if (entries->count == entries->cap) {
		size_t cap = entries->cap ? 2 * entries->cap : 64;
		struct entry *all =
			reallocarray(entries->all, cap, sizeof(*all));

		if (!all)
			return -ENOMEM;
		entries->all = all;
		entries->cap = cap;
	}
	struct entry *entry = &entries->all[entries->count++];
	entry->epoch = stat->epoch;
	entry->len = stat->len;
	memcpy(entry->key, shown, strlen(shown) + 1);
	return 0;
}

/* Returns 0 at the end. A key that could not be read is only counted. */
static int
collect(const struct cli *cli, spl_list *list, const struct pattern *pattern,
	struct entries *entries)
{
	struct spl_key_stat stat;
	int rc;

	while ((rc = spl_list_next(list, &stat))) {
		const char *shown = cli_key_shown(cli, stat.key);

		if (terminal_interrupted())
			return -EINTR;
		if (rc == -EAGAIN || rc == -EBADMSG)
			entries->unreadable++;
		else if (rc > 0 && *shown && pattern_matches(pattern, shown))
			rc = add_entry(entries, &stat, shown);
		if (rc < 0 && rc != -EAGAIN && rc != -EBADMSG)
			return rc;
	}
	return 0;
}

static int
compare(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;

	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? 1 : -1;
	return strcmp(a->key, b->key);
}

static void
print_json(const struct entry *entry)
{
	struct json json;

	json_begin(&json);
	json_string(&json, "key", entry->key);
	json_number(&json, "epoch", entry->epoch);
	json_number(&json, "length", entry->len);
	json_end(&json);
}

static void
print_entry(const struct call *call, const struct entry *entry, size_t width)
{
	if (call->given[OPTION_JSON]) {
		print_json(entry);
	} else if (call->given[OPTION_NAMES]) {
		text_show(stdout, entry->key, strlen(entry->key), false);
		putchar('\n');
	} else {
		text_show_column(stdout, entry->key, width);
		printf(" | %-15" PRIu64 " | %" PRIu64 "\n", entry->epoch,
			entry->len);
	}
}

static size_t
longest(const struct entries *entries)
{
	size_t width = 0;

	for (size_t i = 0; i < entries->count; i++) {
		size_t own = text_width(entries->all[i].key);

		if (own > width)
			width = own;
	}
	return width;
}

static void
print(const struct call *call, struct entries *entries)
{
	size_t width = 0;

	if (entries->count)
		qsort(entries->all, entries->count, sizeof(*entries->all),
			compare);
	if (!call->given[OPTION_JSON] && !call->given[OPTION_NAMES]) {
		width = text_name_width(longest(entries));
		text_table_head(
			width, "Key Name", " | Epoch           | Value Length");
	}
	for (size_t i = 0; i < entries->count && !terminal_interrupted(); i++)
		print_entry(call, &entries->all[i], width);
}

static int
list_keys(
	struct cli *cli, const struct call *call, const struct pattern *pattern)
{
	struct entries entries = {0};
	spl_list *list;
	int rc = spl_list_begin(cli->store, cli->prefix, NULL, &list);

	if (rc < 0)
		return cli_fail_key(cli, call, NULL, rc);
	rc = collect(cli, list, pattern, &entries);
	spl_list_end(list);
	if (rc >= 0)
		print(call, &entries);
	if (rc >= 0 && !entries.count && pattern_is_like_a_shells(pattern))
		cli_note("list: no key matches: patterns are regular "
			 "expressions, where .* stands for any text");
	free(entries.all);
	if (rc < 0)
		return cli_fail_key(cli, call, NULL, rc);
	if (entries.unreadable)
		return cli_fail_text(cli,
			"list: %zu keys of store '%s' could not "
			"be read: try again",
			entries.unreadable, cli->store_name);
	return EXIT_DONE;
}

int
cmd_list(struct cli *cli, const struct call *call)
{
	struct pattern pattern;
	int status = pattern_take(
		&pattern, cli, call, call->argc ? call->argv[0] : NULL);

	if (!status)
		status = list_keys(cli, call, &pattern);
	pattern_free(&pattern);
	return status;
}
