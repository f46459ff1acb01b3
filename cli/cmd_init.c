/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "message.h"

#define SLOTS_MAX (UINT64_C(1) << 30)
#define MAX_VALUE_MAX ((UINT64_C(1) << 32) - 1)

/* The geometry of the second and third word, as far as they are there. */
static int
take_geometry(const struct cli *cli, const struct call *call,
	struct spl_options *options)
{
	int status = EXIT_DONE;

	if (call->argc > 1)
		status = cli_number(cli, call, "slots", call->argv[1], 1,
			SLOTS_MAX, &options->slots);
	if (!status && call->argc > 2)
		status = cli_number(cli, call, "bytes in a value",
			call->argv[2], 1, MAX_VALUE_MAX, &options->max_value);
	return status;
}

static int
create(struct cli *cli, const struct call *call,
	const struct spl_options *options)
{
	spl_store *store;
	int rc = spl_create(cli->store_name, options, &store);

	if (rc >= 0) {
		cli->store = store;
		cli->writable = true;
		cli_note("init: created store '%s': %" PRIu64 " slots, values "
			 "up to %" PRIu64 " bytes",
			cli->store_name, options->slots, options->max_value);
		return EXIT_DONE;
	}
	const struct failure failure = {
		.doing = DOING_CREATE,
		.code = rc,
		.command = call->command->name,
		.store = cli->store_name,
		.slots = options->slots,
		.max_value = options->max_value,
	};
	return cli_fail(cli, &failure);
}

int
cmd_init(struct cli *cli, const struct call *call)
{
	struct spl_options options;

	spl_options_init(&options);
	options.kind = cli->kind;
	int status = take_geometry(cli, call, &options);
	if (status)
		return status;
	const char *name = call->argc ? call->argv[0] : cli->store_name;
	status = cli_select(cli, name ? name : CLI_DEFAULT_STORE);
	return status ? status : create(cli, call, &options);
}
