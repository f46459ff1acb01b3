/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "message.h"

/* A session that had it selected has no store then. */
static int
deselect(struct cli *cli, const char *name)
{
	bool selected = cli->store_name && !strcmp(cli->store_name, name);

	return selected ? cli_select(cli, NULL) : EXIT_DONE;
}

int
cmd_destroy(struct cli *cli, const struct call *call)
{
	const char *name = call->argc ? call->argv[0] : cli->store_name;

	if (!name)
		name = CLI_DEFAULT_STORE;
	int rc = spl_destroy(name, cli->kind);
	if (rc >= 0) {
		cli_note("destroy: removed store '%s'", name);
		return deselect(cli, name);
	}
	const struct failure failure = {
		.doing = DOING_DESTROY,
		.code = rc,
		.command = call->command->name,
		.store = name,
	};
	return cli_fail(cli, &failure);
}
