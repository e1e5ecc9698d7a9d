"""One schedule on a real daemon: clients at work, faults in turn, then the oracle."""
import base64
import json
import random
import shutil
import signal
import socket
import subprocess
import time

import harness
from daemon_clients import Clients, Work
from daemon_disk import mount_disk
from daemon_faults import HEARTBEAT_MS, LEASE_MS, RPC_WORKERS, Faults
from daemon_oracle import Oracle
from daemon_plan import CLOCK_JUMP_S
from harness import Daemon, make_jwt, wait_until

HEALTH_S = 15.0  # for health to be seen and said; the daemon needs two seconds on a quiet machine


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


class Run(Faults):
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

    # ---- the whole ----

    def set_up(self):
        plan = self.schedule
        self.settings = {"PETFOOD_BENCH": "true", "PLANNER_PACE_MS": plan.pace_ms, "TASK_MAX_CONCURRENT": plan.concurrent,
                         "TASK_LEASE_MS": LEASE_MS, "TASK_HEARTBEAT_MS": HEARTBEAT_MS, "TASK_POLL_MS": 200, "RPC_WORKERS": RPC_WORKERS}
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
                self.clients.wait_for_end(work)
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
