/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "text.h"

/* The hash is text in JSON: many readers' numbers have 53 bits only. */
static void
print_json(const struct cli *cli, const struct spl_key_stat *stat)
{
	struct json json;
	char hash[24];

	snprintf(hash, sizeof(hash), "%" PRIu64, stat->hash);
	json_begin(&json);
	json_string(&json, "key", cli_key_shown(cli, stat->key));
	json_string(&json, "hash", hash);
	json_number(&json, "epoch", stat->epoch);
	json_number(&json, "val_off", stat->val_off);
	json_number(&json, "val_len", stat->len);
	if (stat->ttl_ms != UINT64_MAX)
		json_number(&json, "ttl_ms", stat->ttl_ms);
	json_end(&json);
}

int
cmd_head(struct cli *cli, const struct call *call)
{
	struct spl_key_stat stat;
	int rc = spl_stat(cli->store, call->argv[0], &stat);

	if (rc < 0)
		return cli_fail_key(cli, call, call->argv[0], rc);
	if (call->given[OPTION_JSON]) {
		print_json(cli, &stat);
		return EXIT_DONE;
	}
	const char *key = cli_key_shown(cli, stat.key);
	printf("hash:     %" PRIu64 "\n", stat.hash);
	printf("epoch:    %" PRIu64 "\n", stat.epoch);
	printf("val_off:  %" PRIu64 "\n", stat.val_off);
	printf("val_len:  %" PRIu64 "\n", stat.len);
	fputs("key:      ", stdout);
	text_show(stdout, key, strlen(key), false);
	putchar('\n');
	if (stat.ttl_ms != UINT64_MAX)
		printf("ttl:      %" PRIu64 " ms\n", stat.ttl_ms);
	return EXIT_DONE;
}
