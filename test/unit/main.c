/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests: all of them, or those named on the command line.
 */
#include <string.h>

#include "unit.h"

TAP_MAIN

#define ROW(name) {#name, test_##name},
static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {UNIT_TESTS(ROW)};

static int
wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc == 1;
}

int
main(int argc, char **argv)
{
	tap_start((unsigned)tap_scale(120, 900));
	unit_start();
	unsigned descriptors = unit_descriptors();
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		if (!wanted(tests[i].name, argc, argv))
			continue;
		uint64_t from = unit_now_ms();
		printf("# %s\n", tests[i].name);
		tests[i].run();
		printf("# %s: %llu ms\n", tests[i].name,
			(unsigned long long)(unit_now_ms() - from));
	}
	CHECK(unit_descriptors() == descriptors, "no descriptor is left open");
	CHECK(!unit_leftovers(), "nothing is left behind");
	return tap_end();
}
