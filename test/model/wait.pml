/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a key: the word, the waiters' flag, and the futex.
 *
 * The flag is an event count: odd while somebody waits. A writer publishes,
 * then looks at the flag; if it is odd he counts it up by one and wakes all who
 * sleep. A waiter makes it odd, looks at the word again, and sleeps on the flag
 * while that is unchanged. The kernel compares and queues in one step. Between
 * any two steps others may run, so a writer may be late with the wake of a
 * change that the waiter has seen already.
 *
 * Checked: nobody sleeps for ever (no invalid end state). The full fences
 * between the two sides' store and load are taken as given: steps here are
 * sequentially consistent.
 *
 *   spin -a wait.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan
 *
 * Mutants, which must get stuck:
 *   -DSLEEP_ON_WORD   sleeping while the word is unchanged, instead: a late
 *                     waker clears the flag that was set for the next change
 *   -DBOOLEAN         a flag that is set and cleared: of two waiters the late
 *                     one sleeps on the flag of the other
 *   -DNO_SECOND_LOOK  not looking at the word again after setting the flag
 *   -DWAKE_FIRST      waking before the change is published
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef WAITERS
#define WAITERS 2
#endif

byte word = 0;                  /* the slot's generation */
byte flag = 0;
bool asleep[WAITERS];

inline announce() {
  was = flag;
  if
  :: was & 1 ->
     atomic {                   /* compare-and-swap */
       won = (flag == was);
       if
       :: won ->
#ifdef BOOLEAN
          flag = 0
#else
          flag++
#endif
       :: else -> skip
       fi
     };
     if
     :: won -> atomic { for (i : 0 .. WAITERS - 1) { asleep[i] = false } }
     :: else -> skip
     fi
  :: else -> skip
  fi
}

proctype Writer() {
  byte was, i; bool won;
#ifdef WAKE_FIRST
  announce();
  word++
#else
  word++;                       /* W3 */
  announce()
#endif
}

proctype Waiter(byte me) {
  byte seen, count;
  do
  :: seen = word;
     if :: seen == WRITERS -> break :: else -> skip fi;
     atomic { flag = flag | 1; count = flag };
#ifndef NO_SECOND_LOOK
     if
     :: word != seen -> skip
     :: else ->
#endif
#ifdef SLEEP_ON_WORD
        atomic { asleep[me] = (word == seen) };
#else
        atomic { asleep[me] = (flag == count) };
#endif
        !asleep[me]
#ifndef NO_SECOND_LOOK
     fi
#endif
  od
}

init {
  byte i;
  atomic {
    for (i : 1 .. WRITERS) { run Writer() }
    for (i : 0 .. WAITERS - 1) { run Waiter(i) }
  }
}
