/* Locks and switching, on one row, on a page: section 7 of docs/architecture.md. A cutover and a rollback begin at any time. Each takes
 * the lock with a fence that grows, also from a holder whose execution was stopped, and whose tasks work on. A task chooses by the
 * ledger, asks for the lock, reads the row, compares, writes, reads again, and writes the ledger if version and fence allow it. It may
 * be delivered twice, sleep anywhere, and die between Salesforce and ledger. A user may edit the row once, outside of the window of
 * rule 3. NO_FENCE: nobody asks for the lock, and the ledger takes any fence. NO_REREAD: rows are written as they were planned.
 * NO_LIVENESS: a lock is taken from a holder that runs. NO_RELISTING: a backup takes rolled back for settled. Each must fail. */
#ifndef RUNS
#define RUNS 2                      /* -DRUNS=3: another cutover; it takes minutes */
#endif
mtype = { OLD, NEW, HAND }                              /* what the row shows */
mtype = { VERIFIED, SWITCHED, ROLLED_BACK, CONFLICT }   /* what the ledger says of it; the old link stands there throughout */

mtype row = OLD, state = VERIFIED;
byte version = 1, writer = 0;       /* the item's version, and the fence of who wrote it last */
byte fence = 0, holder = 0;         /* the lock */
bool held = false, alive[RUNS];
byte tasks[RUNS];                   /* at work, those left behind included */
byte window = 0;                    /* tasks between asking for the lock and having written the row */
bool slept = false;                 /* the lock changed hands meanwhile: no fence covers that, for Salesforce knows of none */
bool edited = false;

inline listing(mine) {              /* what a backup, or a cutover's delta, makes of a row that was rolled back */
  if
#ifdef NO_RELISTING
  :: state == ROLLED_BACK && row == OLD
#else
  :: state == ROLLED_BACK && row != HAND
#endif
       -> state = VERIFIED; version++; writer = mine
  :: state == SWITCHED && row == HAND -> state = CONFLICT; version++; writer = mine
  :: else
  fi
}

proctype Task(byte me; byte mine; byte from; byte to) {
  byte planned; mtype was, found; bool acted = false;
  d_step { planned = version; was = state; found = row };
  if
  :: (to == NEW && was == VERIFIED) || (to == OLD && (was == VERIFIED || was == SWITCHED))
  :: else -> goto over
  fi;
  atomic {
#ifndef NO_FENCE
    if :: held && fence == mine :: else -> goto over fi;
#endif
    window++
  }
#ifndef NO_REREAD
  found = row;
#endif
  atomic {
    if
    :: found == from -> assert(row != HAND); row = to; acted = true      /* a hand edit is never overwritten */
    :: else
    fi;
    window--
  }
  if :: goto over :: skip fi;       /* dies here, or lives */
  found = row;
  atomic {                          /* one conditional write */
    if
#ifndef NO_FENCE
    :: mine < writer
#endif
    :: planned != version
    :: else -> if
       :: found == NEW && to == NEW -> state = SWITCHED; version++; writer = mine
       :: found == OLD && to == OLD && (acted || was == SWITCHED) -> state = ROLLED_BACK; version++; writer = mine
       :: found == HAND && (acted || was == SWITCHED) -> state = CONFLICT; version++; writer = mine
       :: else
       fi
    fi
  }
over:
  tasks[me]--
}

proctype Run(byte me; byte from; byte to) {
  byte mine;
  atomic {                          /* DescribeExecution and the conditional put */
#ifndef NO_LIVENESS
    !held || !alive[holder];
#endif
    assert(!held || !alive[holder]);                    /* one run at a time */
    slept = slept || window > 0;
    fence++; mine = fence; holder = me; held = true; alive[me] = true
  }
  atomic { if :: to == NEW -> listing(mine) :: else fi; tasks[me] = 1; run Task(me, mine, from, to) }
  if :: me == 0 -> atomic { tasks[me]++; run Task(me, mine, from, to) } :: skip fi; /* the first one is delivered twice */
  if
  :: atomic { tasks[me] == 0 -> alive[me] = false; held = held && fence != mine }
  :: alive[me] = false              /* stopped: what it left behind works on, and the lock stays as it is */
  fi
}

proctype User() {
  if :: atomic { window == 0 -> row = HAND; edited = true } :: skip fi
}

init {
  atomic {
    run Run(0, OLD, NEW); run Run(1, NEW, OLD); run User();
#if RUNS > 2
    run Run(2, OLD, NEW)
#endif
  }
  atomic {
    _nr_pr == 1;                    /* all is quiet */
    assert(!edited || row == HAND);
    assert(slept || row != NEW || state == SWITCHED || state == VERIFIED);  /* the next rollback finds each row that shows our link */
    listing(fence);
    if :: row == NEW && (state == SWITCHED || state == VERIFIED) -> row = OLD :: else fi;
    assert(row != NEW)              /* whatever happened: behind a backup and a rollback users have what they had */
  }
}
