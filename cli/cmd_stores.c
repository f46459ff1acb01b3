/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_stores.c - the stores there are: in shared memory, or in the current
 * directory. What cannot be opened for reading is none of ours.
 */
#define _DEFAULT_SOURCE 1

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "message.h"
#include "terminal.h"
#include "text.h"

static const char *
directory_of(const struct cli *cli)
{
	return cli->kind == SPL_MEMORY ? "/dev/shm" : ".";
}

static int
is_regular(const struct dirent *entry)
{
	return entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
}

/* It may be a store, but this process cannot open more. */
static bool
is_our_lack(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -EINTR;
}

int
cli_each_store(const struct cli *cli, const char *prefix,
	bool (*each)(void *context, const char *name, spl_store *store),
	void *context, size_t *foreign)
{
	struct spl_options options;
	struct dirent **entries;
	spl_store *store;
	bool go_on = true;
	int rc = 0;
	int count = scandir(directory_of(cli), &entries, is_regular, alphasort);

	if (count < 0)
		return -errno;
	*foreign = 0;
	cli_open_options(cli, false, &options);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (go_on && !strncmp(name, prefix, strlen(prefix))) {
			rc = spl_open(name, &options, &store);
			*foreign += rc == -EPERM || rc == -EACCES;
			go_on = rc < 0 ? !is_our_lack(rc)
				       : each(context, name, store);
			if (rc >= 0)
				spl_close(store);
		}
		free(entries[i]);
	}
	free(entries);
	return go_on || !is_our_lack(rc) ? 0 : rc;
}

struct output {
	const struct call *call;
	size_t name_width;
};

static bool
print_store(void *context, const char *name, spl_store *store)
{
	const struct output *output = context;
	const char *const *given = output->call->given;
	struct spl_store_stat stat;
	struct json json;

	if (spl_store_info(store, &stat) < 0)
		return true;
	if (given[OPTION_JSON]) {
		json_begin(&json);
		json_string(&json, "store", name);
		json_number(&json, "slots", stat.slots);
		json_number(&json, "max_value", stat.max_value);
		json_number(&json, "keys", stat.keys);
		json_end(&json);
	} else if (given[OPTION_NAMES]) {
		text_show(stdout, name, strlen(name), false);
		putchar('\n');
	} else {
		text_show_column(stdout, name, output->name_width);
		printf(" | %-10" PRIu64 " | %-10" PRIu64 " | %" PRIu64 "\n",
			stat.slots, stat.max_value, stat.keys);
	}
	return !terminal_interrupted();
}

static bool
measure(void *context, const char *name, spl_store *store)
{
	struct output *output = context;
	size_t width = text_width(name);

	(void)store;
	if (width > output->name_width)
		output->name_width = width;
	return true;
}

int
cmd_stores(struct cli *cli, const struct call *call)
{
	struct output output = {.call = call};
	bool table = !call->given[OPTION_JSON] && !call->given[OPTION_NAMES];
	size_t foreign = 0;
	int rc = 0;

	if (table && (rc = cli_each_store(
			      cli, "", measure, &output, &foreign)) >= 0) {
		output.name_width = text_name_width(output.name_width);
		text_table_head(output.name_width, "Store Name",
			" | Slots      | Max Value  | Keys");
	}
	if (rc >= 0)
		rc = cli_each_store(cli, "", print_store, &output, &foreign);
	if (rc >= 0 && foreign && !cli->any_owner)
		cli_note("stores: not shown: %zu of other users; --any-owner "
			 "shows those that you may read",
			foreign);
	if (rc >= 0)
		return EXIT_DONE;
	return cli_fail_text(cli,
		"%s: cannot look at all of the directory '%s': %s: "
		"check that it is there and readable",
		call->command->name, directory_of(cli), strerror(-rc));
}
