"""What one schedule does to the daemon: drawn from the seed before anything starts, so that it can be printed and repeated."""
import random

BUSY_TIMEOUT_S = 5.0  # tools/petfoodd/setup.c: how long the daemon waits for somebody else's lock
CLOCK_JUMP_S = 3600

BENCH_POINTS = ["claimed:first", "claimed:again", "start:bench", "before_commit:complete", "committed:complete", "after:complete"]
PLAN_POINTS = [f"{moment}:{step}" for moment in ("start", "before_commit", "committed", "after", "computing", "computed")
               for step in ("assess", "research_foods", "week_1", "week_3", "gather")]


class Fault:
    """kind, when it strikes (seconds after the one before was over), and what the kind needs to know."""

    def __init__(self, kind, wait_s, leases=0, **details):
        self.kind, self.wait_s, self.leases, self.details = kind, wait_s, leases, details

    def __str__(self):
        told = " ".join(f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in self.details.items())
        return f"{self.wait_s:.2f}s {self.kind}" + (f"({told})" if told else "")


def draw_kill(rng, plan):
    return {"down_s": rng.choice((0.0, 0.0, rng.uniform(0, 0.3)))}


def draw_kill_start(rng, plan):
    return {"after_s": rng.uniform(0, 0.06)}


def draw_term(rng, plan):
    return {}


def draw_pause(rng, plan):
    return {"point": rng.choice(PLAN_POINTS if plan and rng.random() < 0.7 else BENCH_POINTS)}


def draw_stop(rng, plan):
    return {"hold_s": rng.uniform(0.1, 2.2) if rng.random() < 0.6 else rng.uniform(1.1, 1.6), "second": rng.random() < 0.4, "kill": rng.random() < 0.2}


def draw_busy(rng, plan):
    how = rng.choice(("immediate", "exclusive", "exclusive", "reader"))
    return {"how": how, "hold_s": rng.uniform(0.05, 2.5), "kill": rng.random() < 0.15}


def draw_busy_long(rng, plan):
    return {"how": "immediate", "hold_s": BUSY_TIMEOUT_S + rng.uniform(0.3, 1.0), "kill": False, "jump_s": draw_jump(rng)}


def draw_full(rng, plan):
    return {"left": rng.choice((0, 0, 4096, rng.randrange(0, 65536), rng.randrange(0, 400000))), "hold_s": rng.uniform(0.2, 2.0), "kill": rng.random() < 0.2,
            "jump_s": draw_jump(rng)}


def draw_clock(rng, plan):
    return {"jump_s": rng.choice((-1, 1)) * CLOCK_JUMP_S}


def draw_jump(rng):
    """Of the clock, in the middle of another fault."""
    return rng.choice((0, 0, 0, -1, 1)) * CLOCK_JUMP_S


# kind: how it is drawn, its weight, and how many leases of one task it may cost
KINDS = {
    "kill": (draw_kill, 4, 1),
    "kill_start": (draw_kill_start, 2, 2),
    "term": (draw_term, 1, 0),
    "pause": (draw_pause, 3, 2),
    "stop": (draw_stop, 4, 0),
    "busy": (draw_busy, 4, 0),
    "busy_long": (draw_busy_long, 0.4, 1),
    "full": (draw_full, 4, 1),
    "clock": (draw_clock, 3, 0),
}


def draw_fault(rng, kind, plan):
    details = KINDS[kind][0](rng, plan)
    return Fault(kind, rng.choice((0.0, rng.uniform(0, 0.1), rng.uniform(0, 0.6))), KINDS[kind][2] + bool(details.get("kill")), **details)


class Schedule:
    def __init__(self, seed, index, kinds=None):
        """kinds: only of these; the first of them certainly."""
        self.index = index
        self.rng = rng = random.Random(f"{seed}/{index}")
        names = kinds or list(KINDS)
        self.plans = rng.choice((0, 0, 1, 1, 2))
        self.benches = rng.randrange(2, 6)
        first = names[index % len(names)]
        count = rng.choice((1, 2, 2, 3, 3, 4))
        chosen = [first] + rng.choices(names, [KINDS[n][1] for n in names], k=count - 1)
        rng.shuffle(chosen)
        self.faults = [draw_fault(rng, kind, self.plans > 0) for kind in chosen]
        self.pace_ms = rng.choice((0, 10, 40))
        self.concurrent = rng.choice((1, 2, 8, 8))

    def __str__(self):
        return f"{self.index}: {self.plans} plans, {self.benches} others, pace {self.pace_ms} ms, {self.concurrent} at once; " + ", ".join(map(str, self.faults))

    def has(self, kind):
        return any(f.kind == kind for f in self.faults)

    def moves_clock(self):
        return any(f.details.get("jump_s") for f in self.faults)
