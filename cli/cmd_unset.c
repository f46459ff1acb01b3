/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"

int
cmd_unset(struct cli *cli, const struct call *call)
{
	int64_t len = spl_unset(cli->store, call->argv[0]);

	if (len < 0)
		return cli_fail_key(cli, call, call->argv[0], (int)len);
	printf("%" PRId64 " bytes deleted.\n", len);
	return EXIT_DONE;
}
