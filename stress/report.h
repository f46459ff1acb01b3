/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what is told: progress, complaints, the summary.
 */
#ifndef STRESS_REPORT_H
#define STRESS_REPORT_H

#include "crew.h"
#include "yard.h"

struct report {
	const struct plan *plan;
	const struct share *share;
	bool live; /* a line of progress is shown */
	bool line_open; /* it stands on the terminal now */
	uint64_t last_ns, last_reads, last_writes;
	uint32_t told_failures, told_errors; /* a bit each */
};

/* How it went. */
struct outcome {
	const struct yard *yard;
	uint64_t elapsed_ns;
	uint64_t kills;
	uint64_t repairs;
	int interrupted; /* signal, or 0 */
};

void report_begin(struct report *report, const struct plan *plan,
	const struct share *share);

/* Before the run: what one should know first. */
void report_notes(const struct report *report);

/* Once a second. */
void report_progress(struct report *report, const struct crew *crew);

/* What went wrong since the last time, the first ten of each kind. */
void report_complaints(struct report *report);

/* On stdout, at the end. */
void report_summary(struct report *report, const struct outcome *outcome);

#endif
