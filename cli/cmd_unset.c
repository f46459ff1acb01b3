/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "text.h"

int
cmd_unset(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	int64_t len = spl_unset(cli->store, key);
	struct json json;

	if (len < 0)
		return cli_fail_key(cli, call, key, (int)len);
	if (!call->given[OPTION_JSON]) {
		printf("%" PRId64 " bytes deleted.\n", len);
		return EXIT_DONE;
	}
	json_begin(&json);
	json_string(&json, "key", cli_key_shown(cli, key));
	json_signed(&json, "deleted", len);
	json_end(&json);
	return EXIT_DONE;
}
