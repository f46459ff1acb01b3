/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

/* The former store stays selected unless the new one can be used. */
int
cmd_use(struct cli *cli, const struct call *call)
{
	struct cli tried = cli_without_store(cli);
	int status = cli_select(&tried, call->argv[0]);
	if (!status)
		status = cli_need(&tried, call, ACCESS_BEST);
	if (status) {
		cli_release(&tried);
		return status;
	}
	cli_replace(cli, &tried);
	cli_note("use: now connected to %s", cli->store_name);
	return EXIT_DONE;
}
