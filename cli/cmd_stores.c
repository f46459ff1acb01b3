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

static int
is_regular(const struct dirent *entry)
{
	return entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
}

static void
print_store(uint32_t kind, const char *name)
{
	struct spl_options options;
	struct spl_store_stat stat;
	spl_store *store;

	spl_options_init(&options);
	options.kind = kind;
	options.flags = SPL_READ_ONLY;
	if (spl_open(name, &options, &store) < 0)
		return;
	if (spl_store_info(store, &stat) >= 0)
		printf("%-33s | %-10" PRIu64 " | %-10" PRIu64 " | %" PRIu64
		       "\n",
			name, stat.slots, stat.max_value, stat.keys);
	spl_close(store);
}

int
cmd_stores(struct cli *cli, const struct call *call)
{
	const char *dir = cli->kind == SPL_MEMORY ? "/dev/shm" : ".";
	struct dirent **entries;
	int count = scandir(dir, &entries, is_regular, alphasort);

	if (count < 0)
		return cli_fail_text(cli,
			"%s: cannot read the directory '%s': %s: "
			"check that it is there and readable",
			call->command->name, dir, strerror(errno));
	printf("%-33s | %-10s | %-10s | %s\n", "Store Name", "Slots",
		"Max Value", "Keys");
	puts("---------------------------------"
	     "---------------------------------");
	for (int i = 0; i < count; i++) {
		print_store(cli->kind, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return EXIT_DONE;
}
