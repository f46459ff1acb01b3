/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_copy.c - a value, with the time that it has left, into another store.
 */
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "value.h"

/* A name with a '/' is a file's, whatever the selected store is. */
static int
open_other(const struct cli *cli, const struct call *call, struct cli *other)
{
	const char *name = call->argv[1];

	*other = cli_without_store(cli);
	if (strchr(name, '/'))
		other->kind = SPL_FILE;
	int status = cli_select(other, name);
	return status ? status : cli_need(other, call, ACCESS_WRITE);
}

static int
set(struct cli *other, const struct call *call, const char *key,
	const struct value *value, uint64_t ttl_ms)
{
	int rc = spl_set_ttl(
		other->store, key, value->bytes, value->len, ttl_ms);
	const struct failure failure = {
		.doing = DOING_KEY,
		.code = rc,
		.command = call->command->name,
		.store = other->store_name,
		.key = key,
		.value_len = value->len,
		.changing = true,
	};

	return rc < 0 ? cli_fail(other, &failure) : EXIT_DONE;
}

int
cmd_copy(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	struct value value = {0};
	struct spl_key_stat stat;
	struct cli other;
	/* Both have room to be too long, which the store refuses. */
	char renamed[3 * SPL_KEY_MAX];

	if (call->argc > 2) {
		/* An empty key stays one, and is refused. */
		snprintf(renamed, sizeof(renamed), "%s%s",
			*call->argv[2] ? cli->prefix : "", call->argv[2]);
	}
	int status = open_other(cli, call, &other);
	if (!status) {
		int rc = value_get(&value, cli->store, key, &stat);

		status = rc < 0 ? cli_fail_key(cli, call, key, rc)
				: set(&other, call,
					  call->argc > 2 ? renamed : key,
					  &value, stat.ttl_ms);
	}
	value_free(&value);
	cli_release(&other);
	return status;
}
