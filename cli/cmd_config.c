/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message.h"

static void
print_line(const char *name, uint64_t value)
{
	printf("%s: %" PRIu64 "\n", name, value);
}

static int
print_config(struct cli *cli, const struct call *call)
{
	struct spl_store_stat stat;
	int rc = spl_store_info(cli->store, &stat);

	if (rc < 0)
		return cli_fail_key(cli, call, NULL, rc);
	printf("magic: 0x%08" PRIx32 "\n", stat.magic);
	printf("version: %" PRIu32 ".%" PRIu32 "\n", stat.version >> 16,
		stat.version & 0xffff);
	print_line("slots", stat.slots);
	print_line("max_val_sz", stat.max_value);
	print_line("epoch", stat.epoch);
	print_line("auto_vacuum", stat.auto_vacuum);
	print_line("keys", stat.keys);
	print_line("writers", stat.writers);
	print_line("writers_owned", stat.writers_owned);
	print_line("size", stat.size);
	print_line("reserved_size", stat.reserved_size);
	print_line("parse_failures", stat.parse_failures);
	print_line("last_failure_epoch", stat.last_failure_epoch);
	print_line("repairs", stat.repairs);
	return EXIT_DONE;
}

static int
switch_auto_vacuum(struct cli *cli, const struct call *call)
{
	struct failure failure = {
		.doing = DOING_VACUUM,
		.command = call->command->name,
	};
	uint64_t on;
	int status =
		cli_number(cli, call, "auto-vacuum", call->argv[1], 0, 1, &on);

	if (status || (status = cli_need(cli, call, ACCESS_WRITE)))
		return status;
	failure.store = cli->store_name;
	failure.code =
		spl_set_auto_vacuum(cli->store, (int)on, &failure.busy_pid);
	if (failure.code < 0)
		return cli_fail(cli, &failure);
	cli_note("config: auto-vacuum of store '%s' is %s", cli->store_name,
		on ? "on" : "off");
	return EXIT_DONE;
}

int
cmd_config(struct cli *cli, const struct call *call)
{
	if (!call->argc)
		return print_config(cli, call);
	if (call->argc == 2 && !strcmp(call->argv[0], "av"))
		return switch_auto_vacuum(cli, call);
	return cli_usage(cli, "config: no setting '%s': write '%s config %s'",
		call->argv[0], cli->program, call->command->words);
}
