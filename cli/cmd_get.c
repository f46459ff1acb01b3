/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "message.h"
#include "text.h"
#include "value.h"

static void
print_json(const struct cli *cli, const char *key, const struct value *value,
	uint64_t epoch)
{
	struct json json;

	json_begin(&json);
	json_string(&json, "key", cli_key_shown(cli, key));
	json_number(&json, "epoch", epoch);
	json_number(&json, "length", value->len);
	json_text(&json, "value", value->bytes, value->len);
	json_end(&json);
}

int
cmd_get(struct cli *cli, const struct call *call)
{
	const char *key = call->argv[0];
	struct value value = {0};
	struct spl_key_stat stat;
	int rc = value_get(&value, cli->store, key, &stat);

	if (rc >= 0) {
		if (call->given[OPTION_JSON])
			print_json(cli, key, &value, stat.epoch);
		else if (call->given[OPTION_RAW])
			text_write(value.bytes, value.len);
		else
			value_print(value.bytes, value.len);
	}
	value_free(&value);
	return rc < 0 ? cli_fail_key(cli, call, key, rc) : EXIT_DONE;
}
