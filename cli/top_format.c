/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_format.c - numbers as eyes want them: three digits or so, and a unit.
 */
#include <inttypes.h>
#include <stdio.h>

#include "top.h"

/* Three digits, in units of the powers of @base. */
static void
scaled(char *text, double number, double base)
{
	static const char units[] = "\0KMGTPE";
	size_t unit = 0;

	/* What would be rounded up to four digits takes the next one. */
	for (; number >= 999.5 && unit < sizeof(units) - 2; unit++)
		number /= base;
	if (unit && number < 9.995)
		snprintf(text, TOP_TEXT, "%.2f%c", number, units[unit]);
	else if (unit && number < 99.95)
		snprintf(text, TOP_TEXT, "%.1f%c", number, units[unit]);
	else if (unit)
		snprintf(text, TOP_TEXT, "%.0f%c", number, units[unit]);
	else
		snprintf(
			text, TOP_TEXT, "%.*f", number < 99.95 ? 1 : 0, number);
}

void
top_rate_text(char *text, double rate)
{
	if (rate < 0)
		snprintf(text, TOP_TEXT, "-");
	else if (rate == 0)
		snprintf(text, TOP_TEXT, "0");
	else
		scaled(text, rate, 1000);
}

void
top_size_text(char *text, uint64_t bytes)
{
	if (bytes < 1024)
		snprintf(text, TOP_TEXT, "%" PRIu64, bytes);
	else
		scaled(text, (double)bytes, 1024);
}

void
top_time_text(char *text, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(text, TOP_TEXT, "%" PRIu64 "ms", ms);
	else if (s < 60)
		snprintf(text, TOP_TEXT, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(text, TOP_TEXT, "%" PRIu64 "m%02" PRIu64 "s", s / 60,
			s % 60);
	else if (s < 86400)
		snprintf(text, TOP_TEXT, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
			s / 60 % 60);
	else
		snprintf(text, TOP_TEXT, "%" PRIu64 "d%02" PRIu64 "h",
			s / 86400, s / 3600 % 24);
}
