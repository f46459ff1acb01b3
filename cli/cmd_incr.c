/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "text.h"

int
cmd_incr(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	int64_t delta = 1;
	int64_t sum;
	struct json json;

	if (call->argc > 1) {
		int status = cli_signed(
			cli, call, "number to add", call->argv[1], &delta);

		if (status)
			return status;
	}
	int rc = spl_add(cli->store, key, delta, &sum);
	if (rc < 0)
		return cli_fail_key(cli, call, key, rc);
	if (!call->given[OPTION_JSON]) {
		printf("%" PRId64 "\n", sum);
		return EXIT_DONE;
	}
	json_begin(&json);
	json_string(&json, "key", cli_key_shown(cli, key));
	json_signed(&json, "sum", sum);
	json_end(&json);
	return EXIT_DONE;
}
