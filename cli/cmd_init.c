/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define SLOTS_MAX (UINT64_C(1) << 30)
#define MAX_VALUE_MAX ((UINT64_C(1) << 32) - 1)

enum { WRITERS_MAX = 1024, MODE_LEAST = 0600, MODE_MOST = 0666 };

static int
take_mode(const struct cli *cli, const struct call *call, const char *text,
	struct spl_options *options)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (text[strspn(text, "01234567")] || end == text ||
		(mode & MODE_LEAST) != MODE_LEAST ||
		mode & ~(unsigned long)MODE_MOST)
		return cli_usage(cli,
			"%s: '%s' is no mode of a store: give read and write "
			"permissions in octal, such as 600, 640, 660 or 666",
			call->command->name, text);
	options->mode = (uint32_t)mode;
	return EXIT_DONE;
}

/* The geometry of the second and third word, as far as they are there. */
static int
take_geometry(const struct cli *cli, const struct call *call,
	struct spl_options *options)
{
	const char *mode = call->given[OPTION_MODE];
	const char *writers = call->given[OPTION_WRITERS];
	uint64_t count = options->writers;
	int status = EXIT_DONE;

	if (call->argc > 1)
		status = cli_number(cli, call, "number of slots", call->argv[1],
			1, SLOTS_MAX, &options->slots);
	if (!status && call->argc > 2)
		status = cli_number(cli, call, "number of bytes in a value",
			call->argv[2], 1, MAX_VALUE_MAX, &options->max_value);
	if (!status && writers)
		status = cli_number(cli, call, "number of writers", writers, 1,
			WRITERS_MAX, &count);
	options->writers = (uint32_t)count;
	if (!status && mode)
		status = take_mode(cli, call, mode, options);
	return status;
}

static int
fail(const struct cli *cli, const struct call *call, const char *name, int code,
	const struct spl_options *options)
{
	const struct failure failure = {
		.doing = DOING_CREATE,
		.code = code,
		.command = call->command->name,
		.store = name,
		.slots = options->slots,
		.max_value = options->max_value,
	};

	return cli_fail(cli, &failure);
}

/* The former store stays selected unless there is a new one. */
static int
create(struct cli *cli, const struct call *call, const char *name,
	const struct spl_options *options)
{
	struct cli created = cli_without_store(cli);
	int status = cli_select(&created, name);
	if (status)
		return status;
	int rc = spl_create(name, options, &created.store);
	if (rc < 0) {
		cli_release(&created);
		return fail(cli, call, name, rc, options);
	}
	created.writable = true;
	cli_replace(cli, &created);
	cli_note("init: created store '%s': %" PRIu64 " slot%s, values up to "
		 "%" PRIu64 " byte%s",
		cli->store_name, options->slots, options->slots == 1 ? "" : "s",
		options->max_value, options->max_value == 1 ? "" : "s");
	return EXIT_DONE;
}

int
cmd_init(struct cli *cli, const struct call *call)
{
	struct spl_options options;
	const char *name = call->argc ? call->argv[0] : cli->store_name;

	spl_options_init(&options);
	options.kind = cli->kind;
	int status = take_geometry(cli, call, &options);
	return status ? status
		      : create(cli, call, name ? name : CLI_DEFAULT_STORE,
				&options);
}
