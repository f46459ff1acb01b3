/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "message.h"

int
cmd_set(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	const char *val = call->argv[1];
	size_t len = strlen(val);
	int rc = spl_set(cli->store, key, val, len);

	if (rc >= 0)
		return EXIT_DONE;
	const struct failure failure = {
		.doing = DOING_KEY,
		.code = rc,
		.command = call->command->name,
		.store = cli->store_name,
		.key = key,
		.value_len = len,
	};
	return cli_fail(cli, &failure);
}
