/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "message.h"
#include "suggest.h"
#include "text.h"

enum { TEXT_SIZE = 40 };

static void
write_magic(const struct spl_store_stat *stat, char *text)
{
	snprintf(text, TEXT_SIZE, "0x%08" PRIx32, stat->magic);
}

static void
write_version(const struct spl_store_stat *stat, char *text)
{
	snprintf(text, TEXT_SIZE, "%" PRIu32 ".%" PRIu32, stat->version >> 16,
		stat->version & 0xffff);
}

static void
write_id(const struct spl_store_stat *stat, char *text)
{
	for (size_t i = 0; i < sizeof(stat->id); i++)
		snprintf(text + 2 * i, 3, "%02x", stat->id[i]);
}

/* RFC 3339. */
static void
write_created(const struct spl_store_stat *stat, char *text)
{
	time_t seconds = (time_t)(stat->created_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
		!strftime(text, TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(text, TEXT_SIZE, "unknown");
}

/* What there is to print, in order: a number of the stat, or a text of it. */
static const struct setting {
	const char *name;
	void (*write)(const struct spl_store_stat *stat, char *text);
	size_t offset;
	bool is_long;
} settings[] = {
#define LONG(field) offsetof(struct spl_store_stat, field), true
#define SHORT(field) offsetof(struct spl_store_stat, field), false
	{"magic", write_magic, 0, false},
	{"version", write_version, 0, false},
	{"slots", NULL, LONG(slots)},
	{"max_val_sz", NULL, LONG(max_value)},
	{"epoch", NULL, LONG(epoch)},
	{"auto_vacuum", NULL, SHORT(auto_vacuum)},
	{"keys", NULL, LONG(keys)},
	{"writers", NULL, SHORT(writers)},
	{"writers_owned", NULL, SHORT(writers_owned)},
	{"size", NULL, LONG(size)},
	{"reserved_size", NULL, LONG(reserved_size)},
	{"parse_failures", NULL, LONG(parse_failures)},
	{"last_failure_epoch", NULL, LONG(last_failure_epoch)},
	{"repairs", NULL, LONG(repairs)},
	{"created", write_created, 0, false},
	{"id", write_id, 0, false},
#undef LONG
#undef SHORT
};

static const struct setting *
setting_at(size_t index)
{
	return index < sizeof(settings) / sizeof(settings[0]) ? &settings[index]
							      : NULL;
}

const char *
cli_setting_at(size_t index)
{
	const struct setting *setting = setting_at(index);

	return setting ? setting->name : NULL;
}

static uint64_t
number_of(const struct setting *setting, const struct spl_store_stat *stat)
{
	const char *field = (const char *)stat + setting->offset;
	uint64_t longer;
	uint32_t shorter;

	memcpy(&longer, field, setting->is_long ? sizeof(longer) : 0);
	memcpy(&shorter, field, sizeof(shorter));
	return setting->is_long ? longer : shorter;
}

static void
put_json(const struct setting *setting, const struct spl_store_stat *stat,
	struct json *json)
{
	char text[TEXT_SIZE];

	if (!setting->write) {
		json_number(json, setting->name, number_of(setting, stat));
		return;
	}
	setting->write(stat, text);
	json_string(json, setting->name, text);
}

static void
put_line(const struct setting *setting, const struct spl_store_stat *stat)
{
	char text[TEXT_SIZE];

	if (setting->write)
		setting->write(stat, text);
	else
		snprintf(text, sizeof(text), "%" PRIu64,
			number_of(setting, stat));
	puts(text);
}

/* All of them, or the one that is @wanted: its value alone, for scripts. */
static int
print_config(struct cli *cli, const struct call *call, const char *wanted)
{
	bool as_json = call->given[OPTION_JSON];
	const struct setting *setting;
	struct spl_store_stat stat;
	struct json json;
	int rc = spl_store_info(cli->store, &stat);

	if (rc < 0)
		return cli_fail_key(cli, call, NULL, rc);
	if (as_json)
		json_begin(&json);
	for (size_t i = 0; (setting = setting_at(i)); i++) {
		if (wanted && strcmp(setting->name, wanted) != 0)
			continue;
		if (as_json) {
			put_json(setting, &stat, &json);
			continue;
		}
		if (!wanted)
			printf("%s: ", setting->name);
		put_line(setting, &stat);
	}
	if (as_json)
		json_end(&json);
	return EXIT_DONE;
}

/* 1, on, 0, off; -1 for anything else. */
static int
parse_switch(const char *text)
{
	if (!strcmp(text, "1") || !strcmp(text, "on"))
		return 1;
	return !strcmp(text, "0") || !strcmp(text, "off") ? 0 : -1;
}

static int
switch_auto_vacuum(struct cli *cli, const struct call *call)
{
	struct failure failure = {
		.doing = DOING_VACUUM,
		.command = call->command->name,
	};
	int on = parse_switch(call->argv[1]);

	if (on < 0)
		return cli_usage(cli,
			"config: auto-vacuum cannot be '%s': write 1 (on) or "
			"0 (off)",
			call->argv[1]);
	int status = cli_need(cli, call, ACCESS_WRITE);
	if (status)
		return status;
	failure.store = cli->store_name;
	failure.code = spl_set_auto_vacuum(cli->store, on, &failure.busy_pid);
	if (failure.code < 0)
		return cli_fail(cli, &failure);
	cli_note("config: auto-vacuum of store '%s' is %s", cli->store_name,
		on ? "on" : "off");
	return EXIT_DONE;
}

static int
fail_setting(const struct cli *cli, const char *word)
{
	const char *close = suggest_setting(word);

	if (close)
		return cli_usage(cli,
			"config: no setting '%s': did you mean '%s'?", word,
			close);
	return cli_usage(cli,
		"config: no setting '%s': '%sconfig' prints all, and only av "
		"can be set",
		word, cli_run_prefix(cli));
}

static bool
is_setting(const char *word)
{
	const char *name;

	for (size_t i = 0; (name = cli_setting_at(i)); i++)
		if (!strcmp(name, word))
			return true;
	return false;
}

int
cmd_config(struct cli *cli, const struct call *call)
{
	const char *word = call->argc ? call->argv[0] : NULL;

	if (word && !strcmp(word, "av"))
		word = "auto_vacuum";
	if (word && !is_setting(word))
		return fail_setting(cli, word);
	if (!word || call->argc < 2)
		return print_config(cli, call, word);
	if (strcmp(word, "auto_vacuum") != 0)
		return cli_usage(
			cli, "config: '%s' cannot be set: only av can", word);
	return switch_auto_vacuum(cli, call);
}
