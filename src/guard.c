/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - the handler of SIGBUS, and the list of mappings that it knows. It
 * takes no lock and calls nothing but mmap(2), and the handler before it.
 */
#define _GNU_SOURCE
#include "guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* changes below */
static spl_store *guarded; /* a list, which handlers walk without the mutex */
static uint32_t walkers; /* handlers that do: what they meet must stay */
static bool installed;
static struct sigaction former;
static uintptr_t page_size;

/* Whether a signal is a fault: the same access would raise it again. */
static bool
is_fault(const siginfo_t *info)
{
	return info->si_code == BUS_ADRALN || info->si_code == BUS_ADRERR ||
	       info->si_code == BUS_OBJERR || info->si_code == BUS_MCEERR_AR;
}

/* Zeros for all of it, or, where there is no memory to promise, for a page. */
static bool
replace(const spl_store *s, uintptr_t at)
{
	int prot = s->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
	uint8_t *base = (uint8_t *)s->header;
	uintptr_t page = (at - (uintptr_t)base) & ~(page_size - 1);

	/* Not the C library's, which a sanitizer takes for a write of ours. */
	return syscall(SYS_mmap, base, s->geo.size, prot, flags, -1L, 0L) !=
		       -1 ||
	       syscall(SYS_mmap, base + page, page_size, prot, flags, -1L,
		       0L) != -1;
}

/* True when the access may be tried again. */
static bool
rescue(uintptr_t at)
{
	bool rescued = false;
	spl_store *s;

	/* Full: pairs with spli_guard_stop(). Who takes a store off the list
	 * sees us, or we do not see the store. */
	__atomic_fetch_add(&walkers, 1, __ATOMIC_SEQ_CST);
	s = __atomic_load_n(&guarded, __ATOMIC_SEQ_CST);
	while (s && at - (uintptr_t)s->header >= s->geo.size)
		s = __atomic_load_n(&s->next_guarded, __ATOMIC_SEQ_CST);
	if (s) {
		spli_store_release(&s->lost, 1); /* G1 */
		rescued = replace(s, at);
	}
	__atomic_fetch_sub(&walkers, 1, __ATOMIC_RELEASE);
	return rescued;
}

/* As if we were not there. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
	if (former.sa_flags & SA_SIGINFO) {
		former.sa_sigaction(number, info, context);
		return;
	}
	if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
		former.sa_handler(number);
		return;
	}
	if (former.sa_handler == SIG_IGN && !is_fault(info))
		return;
	signal(number, SIG_DFL);
	/* A fault comes again by itself; the rest when we have returned. */
	if (!is_fault(info))
		raise(number);
}

static void
handle(int number, siginfo_t *info, void *context)
{
	int error = errno;
	bool rescued = is_fault(info) && rescue((uintptr_t)info->si_addr);

	errno = error;
	if (!rescued)
		pass_on(number, info, context);
}

static void
install(void)
{
	struct sigaction action = {.sa_sigaction = handle};

	if (installed)
		return;
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	/* Known before the first signal can come to us. Neither call fails. */
	sigaction(SIGBUS, NULL, &former);
	action.sa_mask = former.sa_mask;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK |
			  (former.sa_flags & (SA_RESTART | SA_NODEFER));
	sigaction(SIGBUS, &action, NULL);
	installed = true;
}

void
spli_guard_start(spl_store *s)
{
	if (!s->guarded)
		return;
	pthread_mutex_lock(&mutex);
	install();
	s->next_guarded = guarded;
	__atomic_store_n(&guarded, s, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&mutex);
}

void
spli_guard_stop(spl_store *s)
{
	struct spli_patience p = {0};
	spl_store **link = &guarded;

	if (!s->guarded)
		return;
	pthread_mutex_lock(&mutex);
	while (*link && *link != s)
		link = &(*link)->next_guarded;
	if (*link)
		__atomic_store_n(link, s->next_guarded, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&mutex);
	/* A handler that met it there soon goes on. Bounded, for one that was
	 * left behind by a child without fork's handlers. */
	while (__atomic_load_n(&walkers, __ATOMIC_SEQ_CST) &&
		spli_patience_left(&p))
		;
}

void
spli_guard_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void
spli_guard_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void
spli_guard_forked(void)
{
	/* The others' threads are not there to count down. */
	spli_store(&walkers, 0);
}
