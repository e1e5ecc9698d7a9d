"""The faults themselves. Each returns once it is over, and says what it saw meanwhile."""
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import harness
from daemon_clients import Work
from daemon_disk import fill
from harness import Daemon, wait_until

LEASE_MS, HEARTBEAT_MS = 1000, 300  # DESIGN 11
RPC_WORKERS = 8
CROWD_S = 2.5                       # before a lock goes, reads are over long since: the daemon needs one second to see a crowd

STORE_FULL_TEXT, STORE_BUSY_TEXT, UNAVAILABLE_TEXT = "存储空间不足", "存储繁忙，请稍后再试", "服务暂时不可用，请稍后再试"


class Faults:
    """A part of Run, whose members it uses."""

    def do_kill(self, fault):
        self.kill()
        time.sleep(fault.details["down_s"])
        self.start_daemon()

    def do_kill_start(self, fault):
        """Killed, and killed again while it starts, or hardly has."""
        self.kill()
        def strike():
            wait_until("a process to kill", lambda: self.daemon.process)
            self.daemon.process.kill()
        killer = threading.Timer(fault.details["after_s"], strike)
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
        """Ended as it should be: nobody loses a lease, and calls on their way are answered or their lines end."""
        self.check_alive()
        for _ in range(RPC_WORKERS):
            self.add_work({"events": 1}, self.rng.random() < 0.3, crowd=False)
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
            if fault.kind == "busy_long":
                self.reads_go_on_in_a_crowd(until)
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

    def reads_go_on_in_a_crowd(self, until):
        """More writes wait for the lock than there are threads to answer calls; reads get their answers while it is held."""
        for _ in range(2 * RPC_WORKERS):
            self.clients.start(self.try_while_busy)
        while time.monotonic() < until - CROWD_S:
            self.reads_go_on("a locked database with a crowd before it")
            time.sleep(0.02)
        self.must(time.monotonic() < until, "reads waited for the lock to go")

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
            if reply is not None and reply.status == 503 and reply.json["message"] == STORE_BUSY_TEXT:
                continue  # the lock of the fault before has hardly gone
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
