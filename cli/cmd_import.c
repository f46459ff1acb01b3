/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_import.c - lines as `export` writes them become keys again.
 *
 * The lines are read twice: first all are checked, so that what cannot be
 * imported as a whole is not begun; then they are applied, one by one.
 * Meanwhile the store goes on: what is decided about a key is done by one
 * step on the epoch that was seen, not on what the first reading found.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "item.h"
#include "infile.h"
#include "message.h"
#include "pattern.h"
#include "progress.h"
#include "terminal.h"

/* What becomes of a key that is there already. */
enum policy { POLICY_SOURCE, POLICY_DESTINATION, POLICY_NEWEST, POLICY_FAIL };

static const char *const policies[] = {
	[POLICY_SOURCE] = "source",
	[POLICY_DESTINATION] = "destination",
	[POLICY_NEWEST] = "newest",
	[POLICY_FAIL] = "fail",
};

/* A key of the file: no more of them than the store has slots. */
struct seen {
	char key[SPL_KEY_MAX + 1];
	uint64_t epoch; /* the highest in the file */
	uint64_t line; /* the first that has it */
	bool applied;
};

struct import {
	struct cli *cli;
	const struct call *call;
	const char *path;
	enum policy policy;
	bool partial;
	bool dry;
	uint64_t from; /* the first line that counts */
	struct pattern pattern;
	struct infile file;
	struct spl_store_stat store;
	struct terminal terminal;
	struct progress progress;
	void *seen; /* a tree of struct seen, tsearch(3) */
	uint64_t seen_count;
	uint64_t missing; /* keys that are not in the store */
	uint64_t conflicts;
	char wrong[160]; /* with the line that was read; "": nothing is */
	size_t at; /* where in the line; 0: that says nothing */
	uint64_t lines; /* how many there are */
	bool applying;
	uint64_t applied_to; /* lines up to this one are done with */
	uint64_t created, replaced, kept, expired, unmatched, broken;
};

static bool
is_stopped(void *context)
{
	struct import *import = context;

	return terminal_interrupted() || terminal_stop(&import->terminal);
}

static const char *
file_name(const struct import *import)
{
	return strcmp(import->path, "-") != 0 ? import->path : "standard input";
}

/* --- A line ------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
set_wrong(struct import *import, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(import->wrong, sizeof(import->wrong), format, args);
	va_end(args);
}

/* What the line says is right; does it fit into the store? */
static void
check_item(struct import *import, struct item *item)
{
	const char *prefix = import->cli->prefix;
	char key[sizeof(item->key)];

	if (!item->value) {
		set_wrong(import, "has no member \"value\"");
	} else if (strlen(prefix) + strlen(item->key) > SPL_KEY_MAX) {
		set_wrong(import,
			"has a key that is too long behind the prefix '%s'",
			prefix);
	} else if (item->len > import->store.max_value) {
		set_wrong(import,
			"has a value of %zu bytes, and the store takes at most "
			"%" PRIu64,
			item->len, import->store.max_value);
	} else {
		memcpy(key, item->key, sizeof(key));
		snprintf(item->key, sizeof(item->key), "%s%s", prefix, key);
	}
}

/*
 * The next line that counts: 1, 0 at the end, or a negative errno. Is it
 * wrong, that is said in the import, and the item is not to be used.
 */
static int
read_item(struct import *import, struct item *item)
{
	size_t most = item_line_max(import->store.max_value);
	const char *wrong;
	int rc;

	do {
		if (is_stopped(import))
			return -EINTR;
		rc = infile_line(&import->file, most);
	} while (
		(rc > 0 || rc == -E2BIG) && import->file.number < import->from);
	import->wrong[0] = '\0';
	import->at = 0;
	if (rc == -E2BIG) {
		set_wrong(import,
			"is longer than a key and value of this store can make "
			"it");
		return 1;
	}
	if (rc <= 0)
		return rc;
	progress_add(&import->progress, import->file.len);
	wrong = item_read(item, import->file.line, import->file.len,
		item_now_ms(), &import->at);
	if (wrong)
		set_wrong(import, "%s", wrong);
	return 1;
}

/* Is it one that is to be imported? Counts those that are not. */
static bool
is_wanted(struct import *import, struct item *item)
{
	if (!pattern_matches(&import->pattern, item->key)) {
		import->unmatched++;
		return false;
	}
	check_item(import, item);
	if (import->wrong[0])
		return false;
	if (!item->ttl_ms)
		import->expired++;
	return item->ttl_ms;
}

/* --- Keys of the file --------------------------------------------------- */

static int
compare_seen(const void *left, const void *right)
{
	const struct seen *a = left;
	const struct seen *b = right;

	return strcmp(a->key, b->key);
}

static struct seen *
find_seen(const struct import *import, const char *key)
{
	struct seen wanted = {0};
	struct seen *const *found;

	memcpy(wanted.key, key, strlen(key) + 1);
	found = tfind(&wanted, &import->seen, compare_seen);
	return found ? *found : NULL;
}

static int
add_seen(struct import *import, const struct item *item)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	memcpy(seen->key, item->key, sizeof(seen->key));
	seen->epoch = item->epoch;
	seen->line = import->file.number;
	if (!tsearch(seen, &import->seen, compare_seen)) {
		free(seen);
		return -ENOMEM;
	}
	import->seen_count++;
	return 0;
}

/* --- The first reading -------------------------------------------------- */

static int
fail_line(const struct import *import, const char *outcome)
{
	char where[48] = "";

	if (import->at)
		snprintf(where, sizeof(where), ", byte %zu", import->at + 1);
	return cli_fail_text(import->cli,
		"import: %s, line %" PRIu64 "%s: it %s%s", file_name(import),
		import->file.number, where, import->wrong, outcome);
}

/* A key that is there, or was in a line before. */
static void
note_conflict(struct import *import, const struct item *item)
{
	if (import->policy != POLICY_FAIL)
		return;
	import->conflicts++;
	cli_fail_text(import->cli,
		"import: %s, line %" PRIu64 ": key '%s' exists already",
		file_name(import), import->file.number, item->key);
}

static int
check_key(struct import *import, const struct item *item)
{
	struct seen *seen = find_seen(import, item->key);
	struct spl_key_stat stat;

	if (seen) {
		if (item->epoch > seen->epoch) {
			seen->epoch = item->epoch;
			seen->line = import->file.number;
		}
		note_conflict(import, item);
		return 0;
	}
	int rc = spl_stat(import->cli->store, item->key, &stat);
	if (rc == -ENOENT)
		import->missing++;
	else if (rc >= 0 || rc == -EAGAIN)
		note_conflict(import, item);
	else
		return rc;
	/* More do not fit, which is an error, or found out one by one. */
	return import->seen_count <= import->store.slots
		       ? add_seen(import, item)
		       : 0;
}

/* Keys that are there: those that have expired make room when it is needed. */
static int
count_keys(const struct import *import, uint64_t *keys)
{
	struct spl_key_stat stat;
	spl_list *list;
	int rc = spl_list_begin(import->cli->store, NULL, NULL, &list);

	*keys = 0;
	if (rc < 0)
		return rc;
	while (spl_list_next(list, &stat))
		++*keys;
	spl_list_end(list);
	return 0;
}

static int
check_room(const struct import *import)
{
	uint64_t slots = import->store.slots;
	uint64_t keys = import->store.keys;

	bool fits = import->seen_count <= slots;

	if (fits && import->missing <= slots - (keys < slots ? keys : slots))
		return EXIT_DONE;
	int rc = count_keys(import, &keys);
	if (rc < 0)
		return cli_fail_key(import->cli, import->call, NULL, rc);
	uint64_t room = slots - (keys < slots ? keys : slots);
	if (fits && import->missing <= room)
		return EXIT_DONE;
	return cli_fail_text(import->cli,
		"import: %s has %s%" PRIu64 " new keys, and store '%s' has "
		"room for %" PRIu64 " of %" PRIu64 ": nothing was imported",
		file_name(import), fits ? "" : "more than ", import->missing,
		import->cli->store_name, room, slots);
}

static int
fail_file(const struct import *import, int code)
{
	const struct cli *cli = import->cli;
	const char *name = file_name(import);
	const char *outcome = import->applying ? "" : ": nothing was imported";

	if (code == -EOPNOTSUPP)
		return cli_fail_text(cli,
			"import: %s is packed, and this program was built "
			"without %s: unpack it first",
			name, packing_library(import->file.packing));
	if (code == -EBADMSG)
		return cli_fail_text(cli,
			"import: %s is packed, and damaged near line %" PRIu64
			"%s",
			name, import->file.number, outcome);
	if (code == -ENODATA)
		return cli_fail_text(cli,
			"import: %s is packed, and ends too early, near line "
			"%" PRIu64 "%s",
			name, import->file.number, outcome);
	return cli_fail_text(cli, "import: cannot read %s: %s%s", name,
		code == -EINTR ? "interrupted" : strerror(-code), outcome);
}

static int
check_count(struct import *import)
{
	import->lines = import->file.number;
	if (import->from <= import->lines + 1)
		return EXIT_DONE;
	return cli_fail_text(import->cli,
		"import: %s has %" PRIu64 " lines, so line %" PRIu64 " is none "
		"to begin with: nothing was imported",
		file_name(import), import->lines, import->from);
}

/* What is wrong in one line is only counted later with --partial. */
static int
check(struct import *import)
{
	struct item item;
	int rc;

	progress_begin(&import->progress, import->call, "lines checked", 0);
	while ((rc = read_item(import, &item)) > 0) {
		if (!import->wrong[0] && is_wanted(import, &item) &&
			(rc = check_key(import, &item)) < 0)
			return cli_fail_key(
				import->cli, import->call, item.key, rc);
		if (import->partial)
			continue;
		if (import->wrong[0])
			return fail_line(import, ": nothing was imported");
		if (import->seen_count > import->store.slots)
			break;
	}
	if (rc < 0 && !(import->partial && rc != -EINTR))
		return fail_file(import, rc);
	int status = rc ? EXIT_DONE : check_count(import);
	if (status || import->partial)
		return status;
	if (import->conflicts)
		return cli_fail_text(import->cli,
			"import: %" PRIu64 " of the keys exist already: "
			"nothing was imported; --policy says what else to do",
			import->conflicts);
	return check_room(import);
}

/* --- The second reading ------------------------------------------------- */

/* One step that sets the key if its epoch is still that; 0: creates it. */
static int
set_if(const struct import *import, const struct item *item, uint64_t epoch)
{
	spl_store *store = import->cli->store;
	uint64_t now;
	int rc = spl_set_if(
		store, item->key, item->value, item->len, epoch, &now);

	/* There is no such step with a time to live. */
	if (rc >= 0 && item->ttl_ms != UINT64_MAX)
		rc = spl_expire(store, item->key, item->ttl_ms);
	return rc == -ENOENT ? 0 : rc;
}

/* Is this line to take the place of a key with that epoch? */
static bool
is_newer(const struct import *import, const struct item *item,
	const struct seen *seen, uint64_t epoch)
{
	if (import->policy == POLICY_SOURCE)
		return true;
	if (import->policy != POLICY_NEWEST)
		return !epoch;
	if (seen && seen->line != import->file.number)
		return false;
	return !epoch || item->epoch > epoch;
}

/* The epoch that the key has; what a dry run would have set has the highest. */
static int
epoch_of(const struct import *import, const struct item *item,
	const struct seen *seen, uint64_t *epoch)
{
	struct spl_key_stat stat;
	int rc = spl_stat(import->cli->store, item->key, &stat);

	*epoch = rc >= 0 ? stat.epoch : 0;
	if (rc == -ENOENT && import->dry && seen && seen->applied)
		*epoch = UINT64_MAX;
	return rc == -ENOENT ? 0 : rc;
}

static int
put(const struct import *import, const struct item *item, uint64_t epoch)
{
	if (import->dry)
		return 0;
	if (import->policy == POLICY_SOURCE)
		return spl_set_ttl(import->cli->store, item->key, item->value,
			item->len, item->ttl_ms);
	return set_if(import, item, epoch);
}

/* Until nobody comes between. */
static int
apply_item(struct import *import, const struct item *item)
{
	struct seen *seen = find_seen(import, item->key);
	uint64_t epoch;
	int rc;

	do {
		rc = epoch_of(import, item, seen, &epoch);
		if (rc < 0)
			return rc;
		if (!is_newer(import, item, seen, epoch)) {
			import->kept++;
			return import->policy == POLICY_FAIL ? -EEXIST : 0;
		}
		rc = put(import, item, epoch);
	} while (rc == -ESTALE);
	if (rc < 0)
		return rc;
	if (seen)
		seen->applied = true;
	if (epoch)
		import->replaced++;
	else
		import->created++;
	return 0;
}

static int
fail_item(const struct import *import, const struct item *item, int code)
{
	if (code == -EEXIST)
		return cli_fail_text(import->cli,
			"import: %s, line %" PRIu64 ": key '%s' exists already",
			file_name(import), import->file.number, item->key);
	return cli_fail_change(import->cli, import->call, item->key, code);
}

/* EXIT_DONE to go on with the next line. */
static int
apply_line(struct import *import, struct item *item)
{
	int status = EXIT_DONE;

	if (!import->wrong[0] && is_wanted(import, item)) {
		int rc = apply_item(import, item);

		if (rc < 0)
			status = fail_item(import, item, rc);
	}
	if (import->wrong[0])
		status = fail_line(import, "");
	if (!status)
		return EXIT_DONE;
	import->broken++;
	return import->partial ? EXIT_DONE : status;
}

static int
apply(struct import *import)
{
	struct item item;
	int rc = infile_rewind(&import->file);

	if (rc < 0)
		return fail_file(import, rc);
	import->applying = true;
	import->applied_to = import->from - 1;
	import->unmatched = import->expired = 0;
	progress_begin(&import->progress, import->call, "lines", import->lines);
	while ((rc = read_item(import, &item)) > 0) {
		int status = apply_line(import, &item);

		if (status)
			return status;
		import->applied_to = import->file.number;
	}
	if (rc == -EINTR)
		return cli_fail_text(import->cli, "import: interrupted");
	if (rc < 0)
		return fail_file(import, rc);
	return import->broken ? EXIT_FAILED : EXIT_DONE;
}

/* --- What came of it ---------------------------------------------------- */

static void
print_json(const struct import *import)
{
	struct json json;

	json_begin(&json);
	json_number(&json, "created", import->created);
	json_number(&json, "replaced", import->replaced);
	json_number(&json, "kept", import->kept);
	json_number(&json, "expired", import->expired);
	json_number(&json, "unmatched", import->unmatched);
	json_number(&json, "broken", import->broken);
	json_number(&json, "last_line", import->applied_to);
	json_end(&json);
}

static void
print_summary(const struct import *import)
{
	if (import->call->given[OPTION_JSON]) {
		print_json(import);
		return;
	}
	if (import->call->given[OPTION_QUIET])
		return;
	printf("%s%" PRIu64 " keys created, %" PRIu64 " replaced, %" PRIu64
	       " kept, %" PRIu64 " expired",
		import->dry ? "Dry run: " : "", import->created,
		import->replaced, import->kept, import->expired);
	if (import->broken)
		printf(", %" PRIu64 " lines broken", import->broken);
	puts(".");
}

/* It has stopped before the end. */
static void
say_how_far(const struct import *import)
{
	if (import->dry || import->applied_to == import->lines)
		return;
	cli_note("import: of %s the lines up to %" PRIu64 " are imported: go "
		 "on with '--from %" PRIu64 "'",
		file_name(import), import->applied_to, import->applied_to + 1);
}

static int
run(struct import *import)
{
	int rc = infile_open(&import->file, import->path, is_stopped, import);
	int status = rc < 0 ? fail_file(import, rc) : check(import);

	progress_end(&import->progress);
	if (status)
		return status;
	status = apply(import);
	progress_end(&import->progress);
	print_summary(import);
	if (status)
		say_how_far(import);
	return status;
}

static int
run_with_signals(struct import *import)
{
	terminal_begin_signals(&import->terminal);
	int status = run(import);
	infile_close(&import->file);
	/* A signal may end the program here. */
	fflush(stdout);
	terminal_end(&import->terminal);
	if (status && terminal_interrupted() && import->cli->mode == MODE_ONE)
		return terminal_die_of_interrupt();
	return status;
}

/* --- Words -------------------------------------------------------------- */

const char *
cli_policy_at(size_t index)
{
	return index < sizeof(policies) / sizeof(policies[0]) ? policies[index]
							      : NULL;
}

static int
take_policy(struct import *import)
{
	const char *text = import->call->given[OPTION_POLICY];
	const char *name;

	if (!text)
		return EXIT_DONE;
	for (size_t i = 0; (name = cli_policy_at(i)); i++)
		if (!strcmp(name, text)) {
			import->policy = (enum policy)i;
			return EXIT_DONE;
		}
	return cli_usage(import->cli,
		"import: '%s' is no policy: give newest, source, destination "
		"or fail",
		text);
}

static int
take_options(struct import *import)
{
	const char *from = import->call->given[OPTION_FROM_LINE];

	import->partial = import->call->given[OPTION_PARTIAL];
	import->dry = import->call->given[OPTION_DRY_RUN];
	import->from = 1;
	int status = take_policy(import);
	if (!status && from)
		status = cli_number(import->cli, import->call, "line", from, 1,
			UINT64_MAX - 1, &import->from);
	if (!status && !strcmp(import->path, "-") &&
		import->cli->mode == MODE_SCRIPT)
		status = cli_usage(import->cli,
			"import: standard input is the script: give a file");
	if (!status && !strcmp(import->path, "-") &&
		import->cli->mode == MODE_PROMPT)
		cli_note("import: type the lines, then ctrl-d on a line of its "
			 "own");
	return status;
}

int
cmd_import(struct cli *cli, const struct call *call)
{
	struct import import = {.cli = cli,
		.call = call,
		.path = call->argv[0],
		.file = {.fd = -1}};
	int status = take_options(&import);

	if (!status)
		status = pattern_take(&import.pattern, cli, call,
			call->argc > 1 ? call->argv[1] : NULL);
	if (!status && !import.dry)
		status = cli_need(cli, call, ACCESS_WRITE);
	if (!status) {
		int rc = spl_store_info(cli->store, &import.store);

		status = rc < 0 ? cli_fail_key(cli, call, NULL, rc)
				: run_with_signals(&import);
	}
	pattern_free(&import.pattern);
	tdestroy(import.seen, free);
	return status;
}
