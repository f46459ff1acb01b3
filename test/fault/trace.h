/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - run a child instruction by instruction, and stop at any of them.
 *
 * The child prepares what it wants at full speed, says trace_begin(), does
 * what is to be stepped, and says trace_end(). Its parent sees each of the
 * instructions in between, those of the C library and of the kernel's vdso
 * included; a system call is one. Parent and child share all text, as nothing
 * is loaded after the fork, so the parent reads instructions from its own.
 */
#ifndef TRACE_H
#define TRACE_H

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tidy.h"

#if defined(__x86_64__)
#define TRACE_PC(regs) ((regs).rip)
#define TRACE_BREAK() __asm__ volatile("int3")
enum { TRACE_TRAP = 0xcc, TRACE_TRAP_LEN = 1, TRACE_TRAP_PASSED = 1 };
#elif defined(__aarch64__)
#define TRACE_PC(regs) ((regs).pc)
#define TRACE_BREAK() __asm__ volatile("brk #0")
/* The program counter stays on a trap here. */
enum { TRACE_TRAP_LEN = 4, TRACE_TRAP_PASSED = 0 };
#define TRACE_TRAP 0xd4200000u
#else
#error "Splinter runs on x86-64 and aarch64"
#endif

struct trace {
	pid_t pid;
	uint64_t pc; /* of the instruction that comes next */
	bool over; /* it has come to trace_end(), or died */
	bool died; /* of something that was not ours */
};

typedef void trace_body(void *arg);

/* In the child: what is to be stepped lies between these two. */
static inline void
trace_begin(void)
{
	TRACE_BREAK();
}

__attribute__((noinline)) static void
trace_end(void)
{
	TRACE_BREAK();
}

static inline bool
trace_registers(pid_t pid, struct user_regs_struct *regs, bool set)
{
	struct iovec at = {regs, sizeof *regs};

	return !ptrace(set ? PTRACE_SETREGSET : PTRACE_GETREGSET, pid,
		(void *)(uintptr_t)NT_PRSTATUS, &at);
}

/* Kill it where it is, and be sure that it is gone. */
static inline void
trace_kill(struct trace *t)
{
	kill(t->pid, SIGKILL);
	while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
	tidy_child = 0;
}

/*
 * Wait for its next trap. A signal that stops it before is its own: it gets it
 * and goes on as before, @stepping or not; if it dies of it then it has died.
 */
static inline void
trace_wait(struct trace *t, bool stepping)
{
	struct user_regs_struct regs;
	int status = 0;

	for (;;) {
		while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
			;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGTRAP)
			break;
		printf("# the child gets signal %d\n", WSTOPSIG(status));
		ptrace(stepping ? PTRACE_SINGLESTEP : PTRACE_CONT, t->pid, NULL,
			(void *)(uintptr_t)WSTOPSIG(status));
	}
	if (WIFSTOPPED(status) && trace_registers(t->pid, &regs, false)) {
		t->pc = TRACE_PC(regs);
		t->over = t->pc == (uintptr_t)trace_end;
		return;
	}
	printf("# the child ended with status 0x%x\n", status);
	t->over = t->died = true;
	if (WIFSTOPPED(status))
		trace_kill(t);
	tidy_child = 0;
}

/* Behind trace_begin() of a fresh child. */
static inline void
trace_start(struct trace *t, trace_body *body, void *arg)
{
	struct user_regs_struct regs;

	fflush(stdout);
	*t = (struct trace){.pid = fork()};
	if (!t->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGALRM, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(errno);
		body(arg);
		trace_end();
		_exit(0);
	}
	tidy_child = t->pid;
	trace_wait(t, false);
	if (t->died)
		return;
	ptrace(PTRACE_SETOPTIONS, t->pid, NULL,
		(void *)(uintptr_t)PTRACE_O_EXITKILL);
	if (!TRACE_TRAP_PASSED && trace_registers(t->pid, &regs, false)) {
		t->pc = TRACE_PC(regs) += TRACE_TRAP_LEN;
		trace_registers(t->pid, &regs, true);
	}
}

static inline void
trace_step(struct trace *t)
{
	/* What cannot be stepped has been killed: that is what comes next. */
	ptrace(PTRACE_SINGLESTEP, t->pid, NULL, NULL);
	trace_wait(t, true);
}

/* Whether what comes next is a system call. */
static inline bool
trace_at_call(const struct trace *t)
{
	uint32_t code = 0;

	memcpy(&code, (const void *)(uintptr_t)t->pc,
		TRACE_TRAP_LEN == 1 ? 2 : 4);
#if defined(__x86_64__)
	return code == 0x050f;
#else
	return code == 0xd4000001;
#endif
}

/* Put a trap at @pc, and say in *@was which word was there. */
static inline bool
trace_trap(struct trace *t, uint64_t pc, uint64_t *was)
{
	uintptr_t at = pc & ~UINT64_C(7);
	unsigned shift = (unsigned)(pc & 7) * 8;
	uint64_t mask = TRACE_TRAP_LEN == 1 ? 0xff : UINT32_MAX;

	*was = (uint64_t)ptrace(PTRACE_PEEKTEXT, t->pid, (void *)at, NULL);
	uint64_t word = (*was & ~(mask << shift)) | (uint64_t)TRACE_TRAP
							    << shift;
	return !ptrace(
		PTRACE_POKETEXT, t->pid, (void *)at, (void *)(uintptr_t)word);
}

/*
 * On at full speed, until it is at @pc. False when no trap can be put there.
 */
static inline bool
trace_run_to_next(struct trace *t, uint64_t pc)
{
	struct user_regs_struct regs;
	uint64_t was;

	if (!trace_trap(t, pc, &was))
		return false;
	ptrace(PTRACE_CONT, t->pid, NULL, NULL);
	trace_wait(t, false);
	ptrace(PTRACE_POKETEXT, t->pid, (void *)(uintptr_t)(pc & ~UINT64_C(7)),
		(void *)(uintptr_t)was);
	if (t->died || t->pc != pc + TRACE_TRAP_PASSED) {
		t->over = true; /* another way, to its end */
		return true;
	}
	trace_registers(t->pid, &regs, false);
	t->pc = TRACE_PC(regs) = pc;
	trace_registers(t->pid, &regs, true);
	t->over = pc == (uintptr_t)trace_end;
	return true;
}

/* Until it is there and has been there @visits times before. */
static inline bool
trace_run_to(struct trace *t, uint64_t pc, uint32_t visits)
{
	while (!t->over) {
		if (t->pc != pc && !trace_run_to_next(t, pc))
			return false;
		if (t->over || !visits--)
			break;
		trace_step(t);
	}
	return true;
}

/*
 * The way that a child took, so that another can be brought to any point of it
 * without being stepped all of it: at full speed to a place where it has not
 * been often before, and from there step by step.
 */
struct trace_path {
	struct trace_point {
		uint64_t pc;
		uint32_t visits; /* earlier points at the same place */
		uint32_t anchor; /* where to begin stepping */
		uint32_t cost; /* of that, in steps */
		bool call; /* a system call */
		bool mark; /* what the caller wants to find again */
	} * points;
	uint32_t count, room;
	struct trace_place {
		uint64_t pc;
		uint32_t visits;
	} * places; /* hashed; four times as many as there is room for points */
};

/* How often it was there before; and once more. */
static inline uint32_t
trace_path_visit(struct trace_path *p, uint64_t pc)
{
	uint64_t mask = 4 * (uint64_t)p->room - 1;
	uint64_t i = pc * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	while (p->places[i & mask].pc && p->places[i & mask].pc != pc)
		i++;
	p->places[i & mask].pc = pc;
	return p->places[i & mask].visits++;
}

/* The point where @t is, as the next of the path. */
static inline struct trace_point *
trace_path_add(struct trace_path *p, const struct trace *t)
{
	enum { COST = 4 }; /* of a trap, in steps */

	if (p->count == p->room) {
		p->room = p->room ? 2 * p->room : 1024;
		p->points = realloc(p->points, p->room * sizeof *p->points);
		free(p->places);
		p->places = calloc(4 * (size_t)p->room, sizeof *p->places);
		if (!p->points || !p->places)
			abort();
		for (uint32_t i = 0; i < p->count; i++)
			trace_path_visit(p, p->points[i].pc);
	}
	struct trace_point *point = &p->points[p->count];
	*point = (struct trace_point){
		.pc = t->pc,
		.visits = trace_path_visit(p, t->pc),
		.anchor = p->count,
		.call = trace_at_call(t),
	};
	point->cost = COST * (point->visits + 1);
	if (!p->count)
		point->cost = 0;
	else if (point[-1].cost + 1 <= point->cost) {
		point->cost = point[-1].cost + 1;
		point->anchor = point[-1].anchor;
	}
	p->count++;
	return point;
}

static inline void
trace_path_free(struct trace_path *p)
{
	free(p->points);
	free(p->places);
	*p = (struct trace_path){0};
}

/* A child just begun, to point @at. Where time decides it may end elsewhere. */
static inline void
trace_go(struct trace *t, const struct trace_path *p, uint32_t at)
{
	uint32_t anchor = p->points[at].anchor;

	while (anchor && !trace_run_to(t, p->points[anchor].pc,
				 p->points[anchor].visits))
		anchor = p->points[anchor - 1].anchor;
	for (uint32_t i = anchor; i < at && !t->over; i++)
		trace_step(t);
}

static inline void
trace_nothing(void *arg)
{
	(void)arg;
	trace_begin();
}

/*
 * Why nothing can be stepped here, or null. Parent and children are put on one
 * processor: a step is then three times as fast.
 */
static inline const char *
trace_refused(void)
{
	static char why[64];
	cpu_set_t one;
	struct trace t;
	int cpu = sched_getcpu(), status = 0;

	pid_t pid = fork();
	if (!pid)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? errno : 0);
	waitpid(pid, &status, 0);
	if (status) {
		snprintf(why, sizeof why, "ptrace: %s",
			strerror(WEXITSTATUS(status)));
		return why;
	}
	CPU_ZERO(&one);
	if (cpu >= 0) {
		CPU_SET((unsigned)cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
	}
	trace_start(&t, trace_nothing, NULL);
	for (int i = 0; i < 100 && !t.over; i++)
		trace_step(&t);
	if (!t.died)
		trace_kill(&t);
	return t.died || !t.over ? "single steps do not work" : NULL;
}

#endif
