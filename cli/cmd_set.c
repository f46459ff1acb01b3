/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_set.c - set, append and cas: what puts bytes of the user's into a key.
 */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "text.h"
#include "value.h"

static int
fail(const struct cli *cli, const struct call *call, int code, size_t len,
	uint64_t wanted, uint64_t epoch)
{
	const struct failure failure = {
		.doing = DOING_KEY,
		.code = code,
		.command = call->command->name,
		.store = cli->store_name,
		.key = call->argv[0],
		.value_len = len,
		.epoch = epoch,
		.wanted = wanted,
	};

	return cli_fail(cli, &failure);
}

/* The number that came of it: a line, or a member beside the key. */
static void
print_result(const struct cli *cli, const struct call *call, const char *name,
	uint64_t number)
{
	struct json json;

	if (!call->given[OPTION_JSON]) {
		printf("%" PRIu64 "\n", number);
		return;
	}
	json_begin(&json);
	json_string(&json, "key", cli_key_shown(cli, call->argv[0]));
	json_number(&json, name, number);
	json_end(&json);
}

int
cmd_set(struct cli *cli, const struct call *call)
{
	const char *ttl = call->given[OPTION_TTL];
	uint64_t ttl_ms = UINT64_MAX;
	struct value value = {0};
	int status = ttl ? cli_ttl(cli, call, ttl, &ttl_ms) : EXIT_DONE;

	if (!status)
		status = value_take(&value, cli, call, call->argv[1]);
	if (!status) {
		int rc = spl_set_ttl(cli->store, call->argv[0], value.bytes,
			value.len, ttl_ms);

		if (rc < 0)
			status = fail(cli, call, rc, value.len, 0, 0);
	}
	value_free(&value);
	return status;
}

int
cmd_append(struct cli *cli, const struct call *call)
{
	struct value value = {0};
	uint64_t total = 0;
	int status = value_take(&value, cli, call, call->argv[1]);

	if (!status) {
		int rc = spl_append(cli->store, call->argv[0], value.bytes,
			value.len, &total);

		if (rc < 0)
			status = fail(cli, call, rc, 0, 0, 0);
		else
			print_result(cli, call, "length", total);
	}
	value_free(&value);
	return status;
}

int
cmd_cas(struct cli *cli, const struct call *call)
{
	struct value value = {0};
	uint64_t epoch;
	uint64_t now = 0;
	int status = cli_number(
		cli, call, "epoch", call->argv[1], 0, UINT64_MAX, &epoch);

	if (!status)
		status = value_take(&value, cli, call, call->argv[2]);
	if (!status) {
		int rc = spl_set_if(cli->store, call->argv[0], value.bytes,
			value.len, epoch, &now);

		if (rc < 0)
			status = fail(cli, call, rc, value.len, epoch, now);
		else
			print_result(cli, call, "epoch", now);
	}
	value_free(&value);
	return status;
}
