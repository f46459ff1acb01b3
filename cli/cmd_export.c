/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_export.c - keys with their values as lines of JSON, one after the other:
 * however many there are, no more than one is in memory.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "item.h"
#include "file.h"
#include "message.h"
#include "pattern.h"
#include "progress.h"
#include "terminal.h"

struct export
{
	struct cli *cli;
	const struct call *call;
	const char *path; /* null: standard output */
	struct pattern pattern;
	struct outfile file;
	FILE *out;
	struct terminal *terminal; /* null: signals do what they do */
	struct value value;
	struct progress progress;
	uint64_t keys;
	uint64_t bytes; /* of values */
	uint64_t unreadable;
};

static bool
is_stopped(const struct export *export)
{
	return terminal_interrupted() ||
	       (export->terminal && terminal_stop(export->terminal));
}

/* The key may have gone since it was listed. */
static int
put_key(struct export *export, const char *key)
{
	const struct cli *cli = export->cli;
	struct spl_key_stat stat;
	struct json json;
	int rc = value_get(&export->value, cli->store, key, &stat);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	json_begin_on(&json, export->out);
	item_put(&json, cli_key_shown(cli, key), &stat, export->value.bytes);
	json_end(&json);
	export->keys++;
	export->bytes += stat.len;
	progress_add(&export->progress, stat.len);
	return ferror(export->out) ? -EIO : 0;
}

/* Returns 0 at the end. A key that could not be read is only counted. */
static int
put_keys(struct export *export, spl_list *list)
{
	struct spl_key_stat stat;
	int rc;

	while ((rc = spl_list_next(list, &stat))) {
		if (is_stopped(export))
			return -EINTR;
		const char *shown = cli_key_shown(export->cli, stat.key);
		if (rc > 0 && *shown &&
			pattern_matches(&export->pattern, shown))
			rc = put_key(export, stat.key);
		if (rc == -EAGAIN || rc == -EBADMSG)
			export->unreadable++;
		else if (rc < 0)
			return rc;
	}
	return 0;
}

static int
walk(struct export *export)
{
	const struct cli *cli = export->cli;
	struct spl_store_stat stat;
	spl_list *list;
	int rc = spl_store_info(cli->store, &stat);

	if (rc >= 0)
		rc = spl_list_begin(cli->store, cli->prefix, NULL, &list);
	if (rc < 0)
		return rc;
	progress_begin(&export->progress, export->call, "keys", stat.keys);
	/* It would get between the lines. */
	if (!export->path && isatty(STDOUT_FILENO))
		export->progress.on = false;
	rc = put_keys(export, list);
	progress_end(&export->progress);
	spl_list_end(list);
	return rc;
}

/* --- Where it goes ------------------------------------------------------ */

static int
fail_file(const struct export *export, int code)
{
	const struct cli *cli = export->cli;
	enum packing packing = packing_of_name(export->path);

	if (code == -EOPNOTSUPP && !packing_is_built(packing))
		return cli_fail_text(cli,
			"export: cannot write '%s': this program was built "
			"without %s: give another name, or build it with that",
			export->path, packing_library(packing));
	if (code == -EINVAL)
		return cli_fail_text(cli,
			"export: '%s' is no regular file, so nothing can take "
			"its place: write 'export - > FILE' to write into it",
			export->path);
	return cli_fail_text(cli,
		"export: cannot write '%s': %s: what was there is as it was",
		export->path, strerror(-code));
}

static int
fail_unreadable(const struct export *export)
{
	return cli_fail_text(export->cli,
		"export: %" PRIu64 " keys of store '%s' could not be read%s: "
		"try again",
		export->unreadable, export->cli->store_name,
		export->path ? ", so no file was written" : "");
}

static int
fail_walk(const struct export *export, int code)
{
	/* Of stdout main() says what is wrong with it. */
	if (code == -EIO && ferror(export->out))
		return export->path ? fail_file(export, export->file.code)
				    : EXIT_FAILED;
	return cli_fail_key(export->cli, export->call, NULL, code);
}

static int
to_stdout(struct export *export)
{
	export->out = stdout;
	int rc = walk(export);

	if (rc < 0)
		return fail_walk(export, rc);
	return export->unreadable ? fail_unreadable(export) : EXIT_DONE;
}

static void
print_summary(const struct export *export)
{
	struct json json;

	if (export->call->given[OPTION_JSON]) {
		json_begin(&json);
		json_string(&json, "file", export->path);
		json_number(&json, "keys", export->keys);
		json_number(&json, "bytes", export->bytes);
		json_end(&json);
	} else if (!export->call->given[OPTION_QUIET]) {
		cli_note("export: %" PRIu64 " keys with %" PRIu64
			 " bytes are in '%s'",
			export->keys, export->bytes, export->path);
	}
}

static int
write_file(struct export *export)
{
	int rc = outfile_open(&export->file, export->path);

	if (rc)
		return fail_file(export, rc);
	export->out = export->file.stream;
	rc = walk(export);
	if (rc < 0)
		return fail_walk(export, rc);
	if (export->unreadable)
		return fail_unreadable(export);
	rc = outfile_commit(&export->file);
	if (rc)
		return fail_file(export, rc);
	print_summary(export);
	return EXIT_DONE;
}

/* With signals held back until what is temporary has gone. */
static int
to_file(struct export *export)
{
	struct terminal terminal;

	terminal_begin_signals(&terminal);
	export->terminal = &terminal;
	int status = write_file(export);
	outfile_abandon(&export->file);
	terminal_end(&terminal);
	if (status && terminal_interrupted() && export->cli->mode == MODE_ONE)
		return terminal_die_of_interrupt();
	return status;
}

int
cmd_export(struct cli *cli, const struct call *call)
{
	struct export export = {.cli = cli, .call = call, .file = {.fd = -1}};

	if (call->argc && strcmp(call->argv[0], "-") != 0)
		export.path = call->argv[0];
	int status = export.path ? pattern_no_file(cli, call, export.path)
				 : EXIT_DONE;
	if (!status)
		status = pattern_take(&export.pattern, cli, call,
			call->argc > 1 ? call->argv[1] : NULL);
	if (!status)
		status = export.path ? to_file(&export) : to_stdout(&export);
	pattern_free(&export.pattern);
	value_free(&export.value);
	return status;
}
