/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_list.c - the keys of a store, those changed last first.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

struct entry {
	uint64_t epoch;
	uint64_t len;
	char key[SPL_KEY_MAX + 1];
};

struct entries {
	struct entry *all;
	size_t count;
	size_t cap;
	size_t unreadable;
};

static int
add_entry(struct entries *entries, const struct spl_key_stat *stat)
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
	memcpy(entry->key, stat->key, sizeof(entry->key));
	return 0;
}

/* Returns 0 at the end. A key that could not be read is only counted. */
static int
collect(spl_list *list, struct entries *entries)
{
	struct spl_key_stat stat;
	int rc;

	while ((rc = spl_list_next(list, &stat))) {
		if (rc == -EAGAIN || rc == -EBADMSG)
			entries->unreadable++;
		else if (rc < 0 || (rc = add_entry(entries, &stat)))
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
print(struct entries *entries)
{
	if (entries->count)
		qsort(entries->all, entries->count, sizeof(*entries->all),
			compare);
	printf("%-33s | %-15s | %s\n", "Key Name", "Epoch", "Value Length");
	puts("---------------------------------"
	     "---------------------------------");
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->all[i];

		printf("%-33s | %-15" PRIu64 " | %" PRIu64 "\n", entry->key,
			entry->epoch, entry->len);
	}
}

/* The library says only that the pattern is bad; regcomp(3) says why. */
static int
fail_pattern(const struct cli *cli, const char *pattern)
{
	char reason[128] = "it cannot be used";
	regex_t regex;
	int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);

	if (code)
		regerror(code, &regex, reason, sizeof(reason));
	else
		regfree(&regex);
	return cli_usage(cli,
		"list: '%s' is no regular expression, %s: write a "
		"backslash before a character that stands for "
		"itself",
		pattern, reason);
}

int
cmd_list(struct cli *cli, const struct call *call)
{
	const char *pattern = call->argc ? call->argv[0] : NULL;
	struct entries entries = {0};
	spl_list *list;
	int rc = spl_list_begin(cli->store, NULL, pattern, &list);

	if (rc == -EINVAL && pattern)
		return fail_pattern(cli, pattern);
	if (rc < 0)
		return cli_fail_key(cli, call, NULL, rc);
	rc = collect(list, &entries);
	spl_list_end(list);
	if (rc >= 0)
		print(&entries);
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
