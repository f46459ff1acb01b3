/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.c - numbers as people type them, and nothing that merely begins
 * like one.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "message.h"

#define DAY_MS UINT64_C(86400000)

/* Longer than that is for ever, to people; stores count to the year 2500. */
enum { TTL_DAYS_MAX = 36500 };

/* Digits, up to what is none; false without one, or for too many. */
static bool
take_digits(const char **text, uint64_t *out)
{
	const char *from = *text;
	uint64_t number = 0;

	for (; **text >= '0' && **text <= '9'; ++*text) {
		uint64_t digit = (uint64_t)(**text - '0');

		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*out = number;
	return *text != from;
}

/* What stands behind the digits; 0 for what is no unit. */
static uint64_t
size_unit(const char *text)
{
	static const char letters[] = "kKmMgG";
	const char *letter = *text ? strchr(letters, *text) : NULL;

	if (!*text)
		return 1;
	if (!letter || text[1])
		return 0;
	return UINT64_C(1) << (10 * ((letter - letters) / 2 + 1));
}

static uint64_t
time_unit(const char *text)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000},
		{"h", 3600000}, {"d", DAY_MS}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(units[i].name, text))
			return units[i].ms;
	return 0;
}

static bool
parse(const char *text, uint64_t (*unit_of)(const char *text), uint64_t *out)
{
	uint64_t number;

	if (!take_digits(&text, &number))
		return false;
	uint64_t unit = unit_of(text);
	if (!unit || number > UINT64_MAX / unit)
		return false;
	*out = number * unit;
	return true;
}

int
cli_number(const struct cli *cli, const struct call *call, const char *what,
	const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t number;

	if (!parse(text, size_unit, &number) || number < min || number > max)
		return cli_usage(cli,
			"%s: '%s' is no %s: give a whole number from %" PRIu64
			" to %" PRIu64 ", or one with K, M or G",
			call->command->name, text, what, min, max);
	*out = number;
	return EXIT_DONE;
}

int
cli_signed(const struct cli *cli, const struct call *call, const char *what,
	const char *text, int64_t *out)
{
	bool negative = *text == '-';
	uint64_t limit = (uint64_t)INT64_MAX + negative;
	uint64_t number;

	if (!parse(text + (negative || *text == '+'), size_unit, &number) ||
		number > limit)
		return cli_usage(cli,
			"%s: '%s' is no %s: give a whole number, such "
			"as 5 or -1, of at most 63 bits",
			call->command->name, text, what);
	*out = negative ? (int64_t)(0 - number) : (int64_t)number;
	return EXIT_DONE;
}

int
cli_duration(const struct cli *cli, const struct call *call, const char *what,
	const char *text, uint64_t *out_ms)
{
	if (parse(text, time_unit, out_ms))
		return EXIT_DONE;
	return cli_usage(cli,
		"%s: '%s' is no %s: give a whole number of milliseconds, or "
		"one with ms, s, m, h or d, such as 500 or 2s",
		call->command->name, text, what);
}

int
cli_ttl(const struct cli *cli, const struct call *call, const char *text,
	uint64_t *out_ms)
{
	int status = cli_duration(cli, call, "time to live", text, out_ms);

	if (status || (*out_ms && *out_ms <= TTL_DAYS_MAX * DAY_MS))
		return status;
	return cli_usage(cli,
		"%s: '%s' is no time to live: give one from 1 ms to %d days",
		call->command->name, text, TTL_DAYS_MAX);
}

uint64_t
cli_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
