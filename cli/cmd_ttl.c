/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ttl.c - how long a key stays, and removing those that have expired.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "text.h"

static int
show(const struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	struct spl_key_stat stat;
	struct json json;
	int rc = spl_stat(cli->store, key, &stat);

	if (rc < 0)
		return cli_fail_key(cli, call, key, rc);
	bool ends = stat.ttl_ms != UINT64_MAX;
	if (call->given[OPTION_JSON]) {
		json_begin(&json);
		json_string(&json, "key", cli_key_shown(cli, key));
		if (ends)
			json_number(&json, "ttl_ms", stat.ttl_ms);
		json_end(&json);
	} else if (ends) {
		printf("%" PRIu64 "\n", stat.ttl_ms);
	} else {
		puts("never");
	}
	return EXIT_DONE;
}

static int
change(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	const char *time = call->argv[1];
	bool ends = strcmp(time, "never") != 0;
	uint64_t ttl_ms = UINT64_MAX;
	int status = ends ? cli_ttl(cli, call, time, &ttl_ms) : EXIT_DONE;

	if (status || (status = cli_need(cli, call, ACCESS_WRITE)))
		return status;
	int rc = spl_expire(cli->store, key, ttl_ms);
	if (rc < 0)
		return cli_fail_change(cli, call, key, rc);
	if (ends)
		cli_note(
			"ttl: key '%s' expires in %" PRIu64 " ms", key, ttl_ms);
	else
		cli_note("ttl: key '%s' does not expire", key);
	return EXIT_DONE;
}

static int
reclaim(struct cli *cli, const struct call *call)
{
	struct json json;
	int status = cli_need(cli, call, ACCESS_WRITE);

	if (status)
		return status;
	int64_t count = spl_reclaim(cli->store);
	if (count < 0)
		return cli_fail_change(cli, call, NULL, (int)count);
	if (!call->given[OPTION_JSON]) {
		printf("%" PRId64 " keys deleted.\n", count);
		return EXIT_DONE;
	}
	json_begin(&json);
	json_signed(&json, "deleted", count);
	json_end(&json);
	return EXIT_DONE;
}

int
cmd_ttl(struct cli *cli, const struct call *call)
{
	bool all = call->given[OPTION_RECLAIM];

	if (all && call->argc)
		return cli_usage(cli, "ttl: --reclaim is for all keys that "
				      "have expired: give it alone");
	if (all)
		return reclaim(cli, call);
	if (!call->argc)
		return cli_usage(cli, "ttl: too few words: give a KEY, or "
				      "--reclaim");
	return call->argc > 1 ? change(cli, call) : show(cli, call);
}
