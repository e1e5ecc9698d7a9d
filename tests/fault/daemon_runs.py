"""Many schedules, several at a time, and what they add up to."""
import collections
import concurrent.futures
import time

import harness
from daemon_plan import Schedule
from daemon_run import Run


def run_one(build, seed, index, kinds, keep):
    harness.BUILD = build
    schedule = Schedule(seed, index, kinds)
    began = time.monotonic()
    run = Run(schedule, keep).go()
    return {"index": index, "text": str(schedule), "seconds": time.monotonic() - began, "violations": run.violations, "faults": run.done,
            "events": run.events, "cuts": run.cuts, "connections": run.connections, "outcomes": run.outcomes,
            "answers": run.clients.answers if run.clients else {}}


def run_all(build, seed, indexes, kinds=None, jobs=4, seconds=None, keep=False, say=print):
    """The totals: a dictionary of counters. `seconds`: nothing is begun after so long."""
    totals = {"schedules": 0, "violations": [], "faults": collections.Counter(), "outcomes": collections.Counter(),
              "answers": collections.Counter(), "events": 0, "cuts": 0, "connections": 0}
    ends = time.monotonic() + seconds if seconds else float("inf")
    waiting, indexes = set(), iter(indexes)
    with concurrent.futures.ProcessPoolExecutor(max_workers=jobs) as pool:
        while True:
            while len(waiting) < jobs and time.monotonic() < ends:
                index = next(indexes, None)
                if index is None:
                    ends = 0.0
                    break
                waiting.add(pool.submit(run_one, build, seed, index, kinds, keep))
            if not waiting:
                return totals
            done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                add(totals, future.result(), say)


def add(totals, one, say):
    say(f"{'ok  ' if not one['violations'] else 'BAD '} {one['text']}: {sum(one['outcomes'].values())} tasks, {one['events']} events, "
        f"{one['cuts']} cuts, {one['seconds']:.1f} s")
    for text in one["violations"]:
        say(f"     violation: {text}")
    totals["schedules"] += 1
    totals["violations"] += [f"schedule {one['index']}: {text}" for text in one["violations"]]
    for name in ("faults", "outcomes", "answers"):
        totals[name].update(one[name])
    for name in ("events", "cuts", "connections"):
        totals[name] += one[name]


def print_totals(totals, seed, say=print):
    say(f"schedules  {totals['schedules']}")
    say("faults     " + ", ".join(f"{name} {count}" for name, count in sorted(totals["faults"].items())))
    say("tasks      " + ", ".join(f"{name} {count}" for name, count in sorted(totals["outcomes"].items())) +
        f"; {totals['events']} events, {totals['connections']} connections of readers, {totals['cuts']} cut")
    say("answers    " + ", ".join(f"{name}: {count}" for name, count in sorted(totals["answers"].items())))
    say(f"violations {len(totals['violations'])}")
    say(f"seed       {seed}")
