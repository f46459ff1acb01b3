/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_number.c - numbers, sizes, durations and times to live as people type
 * them, compared with a reader that knows each as a row of a table; and
 * numbers that are written are read again.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "message.h"

__extension__ typedef unsigned __int128 wide;

struct unit {
	const char *name;
	uint64_t times;
};

#define KIB UINT64_C(1024)
static const struct unit sizes[] = {{"", 1}, {"k", KIB}, {"K", KIB},
	{"m", KIB *KIB}, {"M", KIB *KIB}, {"g", KIB *KIB *KIB},
	{"G", KIB *KIB *KIB}, {NULL, 0}};
static const struct unit times[] = {{"", 1}, {"ms", 1}, {"s", 1000},
	{"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
	{NULL, 0}};

static const struct command command = {.name = "test"};
static const struct call call = {.command = &command};
static const struct cli cli = {.program = "fuzz", .run = "fuzz "};

/* The reference: what @text is, if it is anything that fits in 64 bits. */
static bool
read_number(const char *text, const struct unit *units, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	wide number = 0;

	for (size_t i = 0; i < digits; i++) {
		number = number * 10 + (wide)(text[i] - '0');
		if (number > UINT64_MAX)
			number = (wide)UINT64_MAX + 1; /* and it stays so */
	}
	while (units->name && strcmp(units->name, text + digits) != 0)
		units++;
	number *= units->times;
	*out = (uint64_t)number;
	return digits && units->name && number <= UINT64_MAX;
}

static bool
is_within(uint64_t number, uint64_t min, uint64_t max)
{
	return number >= min && number <= max;
}

/* What is refused is explained, once, in one line, and changes nothing. */
static void
expect_status(int status, bool good, struct fuzz_capture *capture)
{
	fuzz_capture_end(capture);
	EXPECT(status == (good ? EXIT_DONE : EXIT_USAGE));
	EXPECT(good == !capture->len);
	if (!good)
		EXPECT(strchr(capture->text, '\n') ==
			capture->text + capture->len - 1);
	free(capture->text);
}

static void
check_number(const char *text, uint64_t min, uint64_t max)
{
	struct fuzz_capture capture;
	uint64_t want, got = 77;
	bool good =
		read_number(text, sizes, &want) && is_within(want, min, max);

	fuzz_capture_begin(&capture, &stderr);
	int status = cli_number(&cli, &call, "number", text, min, max, &got);
	expect_status(status, good, &capture);
	EXPECT(got == (good ? want : 77));
}

static void
check_signed(const char *text)
{
	bool negative = *text == '-', plus = *text == '+';
	uint64_t limit = (uint64_t)INT64_MAX + negative;
	struct fuzz_capture capture;
	uint64_t want;
	int64_t got = 77;
	bool good = read_number(text + (negative || plus), sizes, &want) &&
		    want <= limit;

	fuzz_capture_begin(&capture, &stderr);
	int status = cli_signed(&cli, &call, "number", text, &got);
	expect_status(status, good, &capture);
	EXPECT((uint64_t)got == (!good ? 77 : negative ? 0 - want : want));
}

static void
check_time(const char *text)
{
	const uint64_t most = UINT64_C(36500) * 24 * 3600 * 1000;
	struct fuzz_capture capture;
	uint64_t want, got = 77;
	bool good = read_number(text, times, &want);

	fuzz_capture_begin(&capture, &stderr);
	int status = cli_duration(&cli, &call, "time", text, &got);
	expect_status(status, good, &capture);
	EXPECT(!good || got == want);
	fuzz_capture_begin(&capture, &stderr);
	status = cli_ttl(&cli, &call, text, &got);
	expect_status(status, good && is_within(want, 1, most), &capture);
}

/* Zeros in front, and a unit: the same number. */
static void
check_written(uint64_t number, uint8_t how)
{
	const struct unit *unit = &times[how % 6];
	char text[64];
	uint64_t got;

	snprintf(text, sizeof text, "%0*" PRIu64 "%s", how % 25, number,
		unit->name);
	EXPECT(read_number(text, times, &got) ==
		(number <= UINT64_MAX / unit->times));
	check_time(text);
	snprintf(text, sizeof text, "%s%" PRIu64 "%s", how & 1 ? "-" : "",
		number, sizes[how % 7].name);
	check_signed(text);
	check_number(text, number / 2, number);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	uint64_t number = 0;

	memcpy(&number, data, size < 8 ? size : 8);
	check_number(text, 0, UINT64_MAX);
	check_number(text, 1, 1000);
	check_signed(text);
	check_time(text);
	check_written(number, size > 8 ? data[8] : 0);
	/* Small ones as well. */
	check_written(number >> (number & 63), (uint8_t)size);
	free(text);
	return 0;
}
