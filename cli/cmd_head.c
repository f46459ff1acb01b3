/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"

int
cmd_head(struct cli *cli, const struct call *call)
{
	struct spl_key_stat stat;
	int rc = spl_stat(cli->store, call->argv[0], &stat);

	if (rc < 0)
		return cli_fail_key(cli, call, call->argv[0], rc);
	printf("hash:     %" PRIu64 "\n", stat.hash);
	printf("epoch:    %" PRIu64 "\n", stat.epoch);
	printf("val_off:  %" PRIu64 "\n", stat.val_off);
	printf("val_len:  %" PRIu64 "\n", stat.len);
	printf("key:      %s\n", stat.key);
	return EXIT_DONE;
}
