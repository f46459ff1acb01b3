/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting: the words, the counts, and the futex. Covers E1 and E2 of
 * src/wait.h.
 *
 * Beside each word is a count, odd while somebody waits. A writer publishes,
 * then looks at the count; if it is odd he counts it up by one and wakes all
 * who sleep on it. A waiter makes it odd, looks at the word again, and sleeps
 * on the count while that is unchanged. The kernel compares and queues in one
 * step. Between any two steps others may run, so a writer may be late with the
 * wake of a change that the waiter has seen already.
 *
 * Who waits for several words makes all their counts odd, looks at all the
 * words again, and sleeps on all counts; the kernel queues him at one after the
 * other. (Looking at each word right after its own count was made odd would be
 * as good: -DEACH_IN_TURN. A change after that look finds the count odd. But
 * each word would need a full fence.) Who waits for many sleeps on one count
 * beside the feed's tail, which each writer deals with last.
 *
 * Who cancels says so, then does for each sleeper on the list what a writer
 * does. A sleeper goes on the list, makes odd, then asks whether he is
 * cancelled.
 *
 * Where each change wakes (-DALWAYS), waiters need not be able to write: they
 * load the count, look at the word, and sleep while the count is unchanged. A
 * writer adds two to an even count, one to an odd one, and wakes. Counting up
 * and waking are one step, of the kernel: two writers at once may leave a count
 * odd, for which the next makes a call for nothing.
 *
 * What is waited for may be another word than the one that is counted
 * (-DDATA): who waits for a key that is absent watches the structure counter,
 * and finds the key by its slot's word (observe() in src/poll.c). A writer
 * publishes the data, then counts, then wakes; a waiter loads the count before
 * he looks at the data. Woken, he looks at the data again only where the count
 * has changed; once a second, at all.
 *
 * Checked: nobody sleeps for ever (no invalid end state). With -DTIMEOUTS a
 * sleeper wakes by himself once nothing else goes on, if there is something
 * for him to see: to wake for nothing each second is to sleep for ever. The full fences between the two sides' store and
 * load are taken as given: steps here are sequentially consistent.
 *
 *   spin -a wait.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m300000
 *
 * Scope:    -DWRITERS=n -DWAITERS=n -DWORDS=n (1 or 2); -DMANY=n so many of
 *           the waiters sleep on the feed's count; -DALWAYS and -DREADERS=n so
 *           many of them cannot write; -DTIMEOUTS; -DDEATHS a writer may die at
 *           any step after publishing; -DONE_DIES only the first may, before
 *           the others begin, and there are no timeouts; -DSPURIOUS a sleeper wakes for nothing,
 *           once; -DCANCEL they wait until cancelled (not with -DDEATHS);
 *           -DDATA with WORDS=1 or 2, where -DDEATHS has a writer die also
 *           between publishing and counting
 * Mutants, which must get stuck:
 *   -DSLEEP_ON_WORD   sleeping while the word is unchanged, instead: a late
 *                     waker clears the count that was set for the next change
 *   -DBOOLEAN         a flag that is set and cleared: of two waiters the late
 *                     one sleeps on the flag of the other
 *   -DNO_SECOND_LOOK  not looking at the words again after making odd
 *   -DWAKE_FIRST      waking before the change is published
 *   -DNO_FIRST        of several words the first is not looked at again
 *   -DEACH_BEFORE     looking at each word just before making its count odd
 *   -DFEED_FIRST      dealing with the feed's count before publishing
 *   -DDEATHS          without -DTIMEOUTS: hence a look every second
 *   -DEARLY_ASK       asking whether cancelled before making odd
 *   -DLATE_LIST       going on the list after having asked
 *   -DLATE_CANCEL     the canceller wakes, then says so
 *   -DNO_COUNT        the canceller wakes and leaves the count, as he must on a
 *                     read-only handle; sound with -DREPEAT, until the list is
 *                     empty
 *   -DONLY_ODD        with -DALWAYS: waking only if the count is odd
 *   -DAPART           with -DONE_DIES: counting up and waking in two steps, so
 *                     that who dies in between leaves an even count and a
 *                     sleeper, whom the next change does not wake
 *   -DONLY_COUNTED    with -DDATA -DDEATHS -DTIMEOUTS: looking at the data, also
 *                     each second, only where the count has changed
 *   -DCOUNT_FIRST     with -DDATA: counting before publishing
 *   -DLOAD_LATE       with -DDATA: loading the count after the look at the data
 *   -DLATE_COUNT      a read-only waiter loads the count after his look
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef WORDS
#define WORDS 1
#endif
#ifndef MANY
#define MANY 0
#endif
#ifndef READERS
#define READERS 0
#endif
#define FEED WORDS                      /* its count comes after the words' */
#define COUNTS (WORDS + 1)
#define FINAL(w) ((WRITERS + WORDS - 1 - (w)) / WORDS)
#ifdef ONE_DIES
#define MORTAL(i) (i == 1)
#else
#define MORTAL(i) true
#endif
#define QUEUED(m, c) queued[(m) * COUNTS + (c)]
#if defined(DEATHS) || defined(ONE_DIES)
#define MAYDIE if :: skip :: mortal -> goto died fi
#else
#define MAYDIE skip
#endif
#if defined(ALWAYS) && !defined(ONLY_ODD)
#define WAKES(n) true
#else
#define WAKES(n) ((n) & 1)
#endif
#ifdef BOOLEAN
#define NEXT(c, n) 0
#else
#define NEXT(c, n) (count[c] + (((n) & 1) -> 1 : 2))
#endif

byte word[WORDS];                       /* each slot's generation */
#ifdef DATA
byte data[WORDS];                       /* then word is a mere count of it */
#endif
byte count[COUNTS];
bool queued[WAITERS * COUNTS], woken[WAITERS];          /* the kernel's */
bool listed[WAITERS], cancelled, gone;
byte from[WAITERS], to[WAITERS];        /* the counts that each sleeps on */

inline futex_wake(c) {
  for (i : 0 .. WAITERS - 1) {
    if :: QUEUED(i, c) -> QUEUED(i, c) = false; woken[i] = true :: else fi
  }
  i = 0
}
inline wake(c) {
  now = count[c];
  if
#ifdef APART
  :: atomic { WAKES(now) -> count[c] = NEXT(c, now); now = 0; MAYDIE };
     atomic { futex_wake(c); MAYDIE }
#else
  :: atomic { WAKES(now) -> count[c] = NEXT(c, now); futex_wake(c); now = 0; MAYDIE }
#endif
  :: atomic { else -> now = 0 }
  fi
}

proctype Writer(byte w; bool mortal) {
  byte now, i;
#ifdef ONE_DIES
  if :: mortal :: !mortal -> gone fi;
#endif
#ifdef WAKE_FIRST
  wake(w);
  word[w]++
#else
#ifdef FEED_FIRST
  wake(FEED);
#endif
#if defined(DATA) && !defined(COUNT_FIRST)
  atomic { data[w]++; MAYDIE };         /* W3, spli_structure_changed() */
#endif
  atomic { word[w]++; MAYDIE };         /* W3 */
#if defined(DATA) && defined(COUNT_FIRST)
  atomic { data[w]++; MAYDIE };
#endif
  wake(w);                              /* then it appends to the feed */
#if MANY && !defined(FEED_FIRST)
  wake(FEED);
#endif
died:
  gone = gone || mortal
#endif
}

#ifdef CANCEL
proctype Canceller() {
  byte now, i, m, c, last; bool mortal;
#ifndef LATE_CANCEL
  cancelled = true;
#endif
#ifdef REPEAT
again:                                  /* worth it once one of them sleeps */
  if
  :: (listed[0] && (QUEUED(0, 0) || QUEUED(0, FEED))) ||
     (listed[1] && (QUEUED(1, 0) || QUEUED(1, FEED)))
  :: !listed[0] && !listed[1] -> goto end
  fi;
#endif
  do
  :: atomic {
       m < WAITERS ->
       if
       :: listed[m] -> c = from[m]; last = to[m]
       :: else -> c = 1; last = 0
       fi
     };
     do
#ifdef NO_COUNT
     :: atomic { c <= last -> futex_wake(c); c++ }
#else
     :: c <= last -> wake(c); c++
#endif
     :: atomic { c > last -> c = 0; last = 0; m++; break }
     od
  :: atomic { m == WAITERS -> m = 0; break }
  od;
#ifdef LATE_CANCEL
  cancelled = true;
#endif
#ifdef REPEAT
  goto again;
end:
#endif
  skip
}
#endif

/* What the count will have to be when he sleeps. */
inline mark(c) {
  if
  :: !ro -> count[c] = count[c] | 1; mine[c] = count[c]
#ifdef LATE_COUNT
  :: ro
#else
  :: ro -> mine[c] = count[c]
#endif
  fi
}
inline look_again(v) {
  if :: word[v] != seen[v] -> again = true :: else fi
}
inline mark_all() {
  c = from[me];
  do
#if defined(EACH_IN_TURN)
  :: atomic { c <= to[me] -> mark(c) }; atomic { look_again(c); c++ }
#elif defined(EACH_BEFORE)
  :: atomic { c <= to[me] -> look_again(c) }; atomic { mark(c); c++ }
#else
  :: atomic { c <= to[me] -> mark(c); c++ }
#endif
  :: atomic { c > to[me] -> c = 0; break }
  od
}
#ifdef NO_FIRST
#define FIRST 1
#else
#define FIRST 0
#endif
inline look_at_all_again() {
#if defined(EACH_IN_TURN) || defined(EACH_BEFORE) || defined(NO_SECOND_LOOK)
  skip
#else
  w = FIRST;
  do
  :: atomic { w < WORDS -> look_again(w); w++ }
  :: atomic { w >= WORDS -> w = 0; break }
  od
#endif
}
inline ask() {
  if :: cancelled -> again = true :: else fi
}
#ifdef SLEEP_ON_WORD
#define SAME(c) (word[0] == seen[0])
#else
#define SAME(c) (count[c] == mine[c])
#endif
#if defined(DATA) && !defined(ONLY_COUNTED)
#define NEW(w) (word[w] != seen[w] || data[w] != found[w])
#else
#define NEW(w) (word[w] != seen[w])
#endif
#if WORDS == 1
#define NEWS (NEW(0) || cancelled)
#else
#define NEWS (NEW(0) || NEW(1) || cancelled)
#endif
#if defined(DATA) && !defined(ONLY_COUNTED)
#define SECOND second = true
#else
#define SECOND skip
#endif
inline sleep() {
  c = from[me];
  do
  :: atomic {
       c <= to[me] && !again ->
       if :: SAME(c) -> QUEUED(me, c) = true :: else -> again = true fi;
       c++
     }
  :: atomic { else -> c = 0; break }
  od;
  atomic {
    if
    :: again || woken[me]
#ifdef TIMEOUTS
    :: timeout && NEWS -> SECOND
#endif
#ifdef SPURIOUS
    :: early -> early = false
#endif
    fi;
    for (c : 0 .. WORDS) { QUEUED(me, c) = false; mine[c] = 0 }
    woken[me] = false; again = false; listed[me] = false; c = 0
  }
}

proctype Waiter(byte me; bool ro) {
  byte seen[WORDS], mine[COUNTS], w, c; bool again, ended;
#ifdef DATA
  byte found[WORDS]; bool second = true;        /* the first look is at all */
#endif
#ifdef SPURIOUS
  bool early = true;
#endif
  do
  :: ended = true;
     do
#ifdef DATA
     :: w < WORDS ->
        if
#ifdef LOAD_LATE
        :: found[w] = data[w]; seen[w] = word[w]
#else
        :: atomic { (second || word[w] != seen[w]) -> seen[w] = word[w] };
           found[w] = data[w]
        :: atomic { !second && word[w] == seen[w] -> skip }
#endif
        fi;
        atomic { ended = ended && found[w] == FINAL(w); w++ }
     :: atomic { w >= WORDS -> w = 0; second = false; break }
#else
     :: atomic {
          w < WORDS ->
          seen[w] = word[w]; ended = ended && seen[w] == FINAL(w);
          w++
        }
     :: atomic { w >= WORDS -> w = 0; break }
#endif
     od;
#ifdef CANCEL
     ended = cancelled;
#endif
     if :: ended -> break :: else fi;
#if defined(CANCEL) && !defined(LATE_LIST)
     listed[me] = true;
#endif
#ifdef EARLY_ASK
     ask();
#endif
     mark_all();
#if defined(CANCEL) && !defined(EARLY_ASK)
     ask();
#endif
#ifdef LATE_LIST
     listed[me] = true;
#endif
     look_at_all_again();
#ifdef LATE_COUNT
     if :: ro -> mine[0] = count[0] :: else fi;
#endif
     sleep()
  od
}

init {
  byte i;
  atomic {
    for (i : 1 .. WRITERS) { run Writer((i - 1) % WORDS, MORTAL(i)) }
    for (i : 0 .. WAITERS - 1) {
      if
      :: i < MANY -> from[i] = FEED; to[i] = FEED
      :: else -> to[i] = WORDS - 1
      fi;
      run Waiter(i, i >= WAITERS - READERS)
    };
#ifdef CANCEL
    run Canceller();
#endif
    i = 0
  }
}
