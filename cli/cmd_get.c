/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"
#include "value.h"

int
cmd_get(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	struct value value = {0};
	int rc = value_get(&value, cli->store, key);

	if (rc >= 0)
		value_print(&value);
	value_free(&value);
	return rc < 0 ? cli_fail_key(cli, call, key, rc) : EXIT_DONE;
}
