"""One schedule of faults on a real daemon, made from a seed: clients at work, faults in turn, then the oracle."""
import base64
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import harness
from daemon_clients import Clients, Violation, Work
from daemon_oracle import Oracle
from harness import Daemon, make_jwt, wait_until

LEASE_MS, HEARTBEAT_MS = 1000, 300  # DESIGN 11
BUSY_TIMEOUT_S = 5.0                # tools/petfoodd/setup.c: how long the daemon waits for somebody else's lock
DISK_BYTES = 16 << 20
CLOCK_JUMP_S = 3600
HEALTH_S = 15.0                     # for health to be seen and said; the daemon needs two seconds on a quiet machine

BENCH_POINTS = ["claimed:first", "claimed:again", "start:bench", "before_commit:complete", "committed:complete", "after:complete"]
PLAN_POINTS = [f"{moment}:{step}" for moment in ("start", "before_commit", "committed", "after", "computing", "computed")
               for step in ("assess", "research_foods", "week_1", "week_3", "gather")]

STORE_FULL_TEXT, STORE_BUSY_TEXT, UNAVAILABLE_TEXT = "存储空间不足", "存储繁忙，请稍后再试", "服务暂时不可用，请稍后再试"


def free_port():
    """Below the range from which the kernel numbers clients' ends: while the daemon is down, nobody else is given it, and no
    client that keeps trying can meet itself on it."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


# ---- a disk of one's own ----

def mount_disk(folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "petfood-test", str(folder)], check=True, capture_output=True)


def can_mount():
    """None, or why there can be no small disk here."""
    folder = pathlib.Path(harness.tempfile.mkdtemp(prefix="petfood-disk-"))
    try:
        mount_disk(folder)
        subprocess.run(["umount", str(folder)], check=True)
        return None
    except (OSError, subprocess.CalledProcessError) as failed:
        return (getattr(failed, "stderr", None) or str(failed).encode()).decode().strip()
    finally:
        folder.rmdir()


# ---- what is planned: drawn from the seed before anything starts, so that it can be printed and repeated ----

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


# ---- the run ----

class Run:
    def __init__(self, schedule, keep=False):
        self.schedule, self.rng, self.keep = schedule, schedule.rng, keep
        self.violations = []
        self.done = {}          # fault kind, or a detail worth counting -> times
        self.clients = None
        self.daemon = None
        self.disk = False
        self.events = self.cuts = self.connections = 0
        self.outcomes = {}

    def count(self, what):
        self.done[what] = self.done.get(what, 0) + 1

    def must(self, holds, text):
        if not holds:
            self.violations.append(text)

    # ---- clients ----

    def body(self, plan):
        if plan:
            return dict(harness.PET, pet_weight=round(self.rng.uniform(4, 30), 1))
        return {"events": self.rng.randrange(1, 60), "interval_ms": self.rng.choice((0, 5, 20, 40))}

    def add_work(self, body, streamed, crowd=True):
        clients, rng = self.clients, self.rng
        work = Work(body, streamed)
        clients.works.append(work)
        for _ in range(rng.choice((1, 1, 2, 3)) if crowd else 1):  # several at once, with one key
            clients.start(clients.create, work)
        if not crowd:
            return work
        for _ in range(rng.randrange(1, 4)):
            clients.start(clients.follow, work, random.Random(rng.random()), rng.random() < 0.5)
        clients.start(clients.poll, work, random.Random(rng.random()))
        if rng.random() < 0.3:
            clients.start(clients.cancel, work, rng.choice((0, 1, rng.randrange(1, 30))))
        return work

    def known_task(self):
        for work in self.clients.works:
            if work.task:
                return work.task
        return None

    def reads_go_on(self, while_what):
        """A store that takes no writes still gives what it has."""
        task = self.known_task()
        if not task:
            return
        for path in (f"/api/v1/tasks/{task}", f"/api/v1/tasks/{task}/events?limit=5", "/api/v1/tasks/"):
            reply = self.clients.call("GET", path)
            self.must(reply is not None and reply.status == 200, f"{while_what}: GET {path}: {reply}")
        self.count("reads while the store takes no writes")

    # ---- life of the daemon ----

    def start_daemon(self, **more):
        self.daemon.start(**more)

    def check_alive(self):
        code = self.daemon.process.poll() if self.daemon.process else None
        self.must(code is None, f"petfoodd ended by itself with {code}:\n{self.daemon.log()[-3000:]}")
        if code is not None:
            self.daemon.process.stdout.close()
            self.daemon.process = None
            self.start_daemon()

    def kill(self):
        self.check_alive()
        self.daemon.kill()

    def wait_ready(self, status, what):
        """Until /readyz says so."""
        def says():
            reply = self.clients.call("GET", "/readyz")
            return reply is not None and reply.status == status
        try:
            wait_until(f"/readyz to say {status} {what}", says, HEALTH_S)
        except AssertionError as failed:
            self.violations.append(str(failed))

    # ---- faults ----

    def do_kill(self, fault):
        self.kill()
        time.sleep(fault.details["down_s"])
        self.start_daemon()

    def do_kill_start(self, fault):
        """Killed, and killed again while it starts, or hardly has."""
        self.kill()
        killer = threading.Timer(fault.details["after_s"], lambda: self.daemon.process.kill())
        killer.start()
        try:
            self.start_daemon()
            self.count("starts that were done before the second kill")
        except AssertionError:
            self.count("starts that were killed")
        killer.join()
        self.daemon.kill()
        self.start_daemon()

    def do_term(self, fault):
        """Ended as it should be: nobody loses a lease."""
        self.check_alive()
        code = self.daemon.stop()
        self.must(code == 0, f"SIGTERM: petfoodd ended with {code}")
        self.start_daemon()

    def do_pause(self, fault):
        """Killed again at a named point of the work, if the work comes by there."""
        point = fault.details["point"]
        self.kill()
        before = self.daemon.log().count("pause.reached")
        self.start_daemon(PETFOOD_PAUSE_AT=point)
        def reached():
            return self.daemon.log().count("pause.reached") > before
        try:
            wait_until(point, lambda: reached() or self.all_over(), 3.0)
        except AssertionError:
            pass  # nothing comes by here any more
        self.count("pause points reached" if reached() else "pause points passed by nobody")
        self.kill()
        self.start_daemon()

    def all_over(self):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as db:
            return db.execute("select count(*) from tasks where status in ('pending', 'running')").fetchone()[0] == 0

    def do_stop(self, fault):
        self.check_alive()
        self.daemon.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + fault.details["hold_s"]
        if fault.details["second"]:
            self.second_is_refused()
        time.sleep(max(0.0, until - time.monotonic()))  # the lease runs out meanwhile, or not
        if fault.details["kill"]:
            self.daemon.kill()
            self.start_daemon()
        else:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.count("stops past the lease" if fault.details["hold_s"] * 1000 > LEASE_MS else "stops within the lease")

    def second_is_refused(self):
        """A stopped process still owns its database."""
        second = Daemon(**self.settings)
        shutil.rmtree(second.dir)
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS")}
        environment.update(second.settings, PETFOOD_DATA_DIR=str(self.daemon.dir / "data"), API_PORT="0")
        ended = subprocess.run([str(harness.BUILD / "petfoodd"), "--env-file=/dev/null"], env=environment, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=harness.DEADLINE_S, cwd=self.daemon.dir)
        self.must(ended.returncode == 69 and "in use" in ended.stderr, f"a second daemon ended with {ended.returncode}: {ended.stderr[-500:]}")
        self.count("second daemons refused")

    def do_busy(self, fault):
        """Another program holds the database's write lock, or an old snapshot."""
        hold_s, how = fault.details["hold_s"], fault.details["how"]
        other = sqlite3.connect(self.database, isolation_level=None, timeout=20, check_same_thread=False)
        until = None
        try:
            if how == "reader":
                other.execute("begin")
                other.execute("select count(*) from task_events").fetchone()
            else:
                other.execute(f"begin {how}")
            until = time.monotonic() + hold_s
            if fault.details["kill"]:
                time.sleep(hold_s / 2)
                self.kill()
                # It starts while the lock is still held: it waits for it as it does at any other time.
                self.clients.start(self.release_later, other, until)
                other = None
                self.start_daemon()
                return
            self.reads_go_on(f"{how} lock")
            refused = time.monotonic()
            jump_at = until - hold_s / 8  # what waits has its lease behind it by then
            while time.monotonic() < until:
                if jump_at and time.monotonic() > jump_at:
                    self.jump(fault)
                    jump_at = None
                if how != "reader" and refused < time.monotonic():
                    refused = time.monotonic() + 1
                    self.clients.start(self.try_while_busy)
                time.sleep(min(0.05, max(0.0, until - time.monotonic())))
        finally:
            if other:
                other.execute("rollback")
                other.close()

    do_busy_long = do_busy

    @staticmethod
    def release_later(other, until):
        time.sleep(max(0.0, until - time.monotonic()))
        other.close()

    def try_while_busy(self):
        """Waits for its turn, or is told that there was none; then it repeats like everybody."""
        work = Work({"events": 1}, False)
        self.clients.works.append(work)
        reply = self.clients.call("POST", "/api/v1/plans/", work.body, {"Idempotency-Key": work.key})
        if reply is not None and reply.status == 503:
            excuses = {STORE_BUSY_TEXT}
            if self.schedule.has("full"):
                excuses.add(STORE_FULL_TEXT)  # its turn came, and the next fault with it
            if self.schedule.moves_clock():
                excuses.add(UNAVAILABLE_TEXT)  # the clock jumped while the call was on its way, and the bridge's token was stale
            self.must(reply.json["message"] in excuses, f"refused while busy: {reply}")
            self.count("creates refused while busy")
        self.clients.create(work)

    def do_clock(self, fault):
        self.check_alive()
        self.jump(fault)

    def jump(self, fault):
        if fault.details.get("jump_s"):
            self.daemon.clock_jump(fault.details["jump_s"])
            self.count("clock jumps forward" if fault.details["jump_s"] > 0 else "clock jumps back")

    def do_full(self, fault):
        """Nothing can be written for a while: refused with reason, not ready, and all well again when there is room."""
        self.check_alive()
        ballast = self.daemon.dir / "data" / "ballast"
        fill(ballast, fault.details["left"])
        until = time.monotonic() + fault.details["hold_s"]
        refused = self.create_until_full(until)
        if refused:
            self.wait_ready(503, "on a full disk")
            self.reads_go_on("full disk")
        else:
            self.count("full disks that nobody met")
        if fault.details["kill"]:
            self.kill()
            self.start_on_full_disk()
            ballast.unlink()
            if not self.daemon.process:
                self.start_daemon()
        else:
            pid = self.daemon.process.pid
            time.sleep(max(0.0, until - time.monotonic()))
            self.jump(fault)
            ballast.unlink()
            self.wait_ready(200, "with room again")
            self.check_alive()
            self.must(self.daemon.process.pid == pid, "a restart was needed")

    def create_until_full(self, until):
        """True once a create was refused for want of space; what was refused is asked for again later, by its key."""
        while time.monotonic() < until or not self.schedule_is_tight():
            work = Work({"events": 1}, False)
            self.clients.works.append(work)
            reply = self.clients.call("POST", "/api/v1/plans/", work.body, {"Idempotency-Key": work.key})
            if reply is not None and reply.status == 200:
                work.acknowledge(reply.data["task_id"])
                continue
            self.clients.start(self.clients.create, work)
            if reply is None or reply.status != 503 or reply.json["message"] != STORE_FULL_TEXT:
                self.violations.append(f"a create on a full disk: {reply}")
                return False
            self.count("creates refused on a full disk")
            return True
        return False

    def schedule_is_tight(self):
        """Room in the log that SQLite uses again, before it needs more, is no fault: 1000 pages at most."""
        return len(self.clients.works) > 400

    def start_on_full_disk(self):
        """Either it starts, or it says why not."""
        log = len(self.daemon.log())
        try:
            self.start_daemon()
            self.count("starts on a full disk")
        except AssertionError as failed:
            self.must("did not start" in str(failed) and "full" in self.daemon.log()[log:], f"start on a full disk: {failed}")
            code = self.daemon.process.wait(30)
            self.must(code == 69, f"start on a full disk ended with {code}")
            self.daemon.process.stdout.close()
            self.daemon.process = None
            self.count("starts refused on a full disk")

    # ---- the whole ----

    def set_up(self):
        plan = self.schedule
        self.settings = {"PETFOOD_BENCH": "true", "PLANNER_PACE_MS": plan.pace_ms, "TASK_MAX_CONCURRENT": plan.concurrent,
                         "TASK_LEASE_MS": LEASE_MS, "TASK_HEARTBEAT_MS": HEARTBEAT_MS, "TASK_POLL_MS": 200}
        self.daemon = Daemon(movable_clock=plan.moves_clock(), **self.settings)
        self.daemon.port = free_port()
        self.database = self.daemon.dir / "data" / "petfood.db"
        if plan.has("full"):
            (self.daemon.dir / "data").mkdir(mode=0o700)
            mount_disk(self.daemon.dir / "data")
            self.disk = True
        self.start_daemon()
        self.clients = Clients(self.daemon.port, self.old_token(), self.violations)

    def old_token(self):
        """A token of two hours ago, so that it is good on either side of a clock's jump."""
        claims = self.daemon.token("ann").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        claims["iat"] -= 2 * CLOCK_JUMP_S
        return make_jwt(self.daemon.key(), claims)

    def go(self):
        try:
            self.set_up()
            for number in range(self.schedule.plans + self.schedule.benches):
                self.add_work(self.body(number < self.schedule.plans), self.rng.random() < 0.6)
            for fault in self.schedule.faults:
                time.sleep(fault.wait_s)
                getattr(self, "do_" + fault.kind)(fault)
                self.count(fault.kind)
            self.settle()
        except Exception as failed:
            self.violations.append(f"the schedule broke: {type(failed).__name__}: {failed}")
        finally:
            self.tear_down()
        return self

    def settle(self):
        """No more faults: everything comes to its end by itself."""
        self.check_alive()
        self.wait_ready(200, "after the faults")
        self.clients.join()
        self.check_alive()
        for work in self.clients.works:
            if work.task:
                self.check_over_http(work)
        code = self.daemon.stop()
        self.must(code == 0, f"petfoodd ended with {code}:\n{self.daemon.log()[-3000:]}")
        oracle = Oracle(self.database, self.clients.works, sum(f.leases for f in self.schedule.faults), self.violations)
        self.events, self.outcomes = oracle.events, oracle.outcomes
        for work in self.clients.works:
            self.cuts += sum(r.cuts for r in work.readings)
            self.connections += sum(r.connections for r in work.readings)

    def check_over_http(self, work):
        """The key still names the task; the plan can be read if and only if the task was completed."""
        task = self.clients.insist("GET", f"/api/v1/tasks/{work.task}")
        self.must(task.status == 200, f"an acknowledged task is gone: {task}")
        if task.status != 200:
            return
        if not work.streamed:
            again = self.clients.call("POST", "/api/v1/plans/", work.body, {"Idempotency-Key": work.key})
            self.must(again is not None and again.status == 200 and again.data["task_id"] == work.task, f"the key of {work.task} gives {again}")
        end = self.clients.insist("GET", f"/api/v1/tasks/{work.task}/events?after={task.data['last_event'] - 1}").data["events"][0]["data"]
        if work.is_plan and task.data["status"] == "completed":
            self.must(self.clients.insist("GET", f"/api/v1/plans/{end['plan_id']}").status == 200, f"the plan of {work.task} cannot be read")
        else:
            self.must("plan_id" not in end, f"{work.task} is {task.data['status']} and names a plan")
        result = self.clients.insist("GET", f"/api/v1/tasks/{work.task}/result")
        self.must(result.status == (200 if task.data["status"] == "completed" else 400), f"result of {work.task}, {task.data['status']}: {result}")

    def tear_down(self):
        if self.clients:
            self.clients.give_up.set()
        if self.daemon and self.daemon.process:
            self.daemon.process.send_signal(signal.SIGCONT)
            self.daemon.kill()
        if self.daemon and self.violations and self.keep:
            kept = f"{self.daemon.dir}.kept"
            shutil.copytree(self.daemon.dir, kept, ignore=lambda _, names: [n for n in names if n.endswith(".sock") or n == "ballast"])
            self.violations.append(f"(kept in {kept})")
        if self.disk:
            subprocess.run(["umount", "--lazy", str(self.daemon.dir / "data")], check=False)
        if self.daemon:
            shutil.rmtree(self.daemon.dir, ignore_errors=True)


def fill(path, left):
    """Takes all the space of a file system but `left` bytes."""
    with open(path, "wb", buffering=0) as file:
        size = 0
        for step in (1 << 20, 4096):
            block = b"\xff" * step
            try:
                while True:
                    size += file.write(block)
            except OSError:
                pass
        file.truncate(max(0, size - left))
