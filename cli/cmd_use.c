/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

int
cmd_use(struct cli *cli, const struct call *call)
{
	int status = cli_select(cli, call->argv[0]);

	if (!status)
		status = cli_need(cli, call, ACCESS_BEST);
	if (!status)
		cli_note("use: now connected to %s", cli->store_name);
	return status;
}
