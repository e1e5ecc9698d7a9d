"""What only the real daemon shows of its RPC side: health that is watched (R17)."""
import datetime
import json
import re
import signal
import sqlite3
import subprocess
import threading
import unittest

import harness
from harness import PET, Daemon, wait_until

WATCH = "petfood.rpc.v1.HealthService/Watch"


class Watcher:
    """A Watch under way: petfood waits for the daemon's health to differ from what it was told."""

    def __init__(self, daemon, revision):
        self.process = subprocess.Popen(
            [str(harness.BUILD / "petfood"), "--env-file=/dev/null", f"--data-dir={daemon.dir / 'data'}", "--json", "call", WATCH,
             json.dumps({"known_revision": revision, "wait_ms": 30000})], stdout=subprocess.PIPE, cwd=daemon.dir)

    def answer(self):
        out, _ = self.process.communicate(timeout=harness.DEADLINE_S)
        return json.loads(out)


def logged(daemon, pattern):
    """Instants at which lines that match were logged."""
    return [datetime.datetime.fromisoformat(line.split("at=", 1)[1].split()[0].replace("Z", "+00:00"))
            for line in daemon.log().splitlines() if re.search(pattern, line)]


def parked(daemon):
    text = daemon.get("/metrics", user=None).body.decode()
    return re.search(r"^rpc_calls_parked (\d+)", text, re.M).group(1)


class HealthWatch(unittest.TestCase):
    def hold_writes(self, daemon):
        """Somebody else holds the database, and a request waits for it."""
        token = daemon.token()
        database = next((daemon.dir / "data").glob("*.db"))
        holder = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        holder.execute("begin immediate")
        request = threading.Thread(target=lambda: daemon.post("/api/v1/plans/", PET, token=token))
        request.start()
        return holder, request

    def watch(self, daemon, revision):
        watcher = Watcher(daemon, revision)
        wait_until("the watch to be parked", lambda: parked(daemon) == "1")
        return watcher

    def assert_told_within_a_second(self, daemon, cause, nth=0):
        changed, told = logged(daemon, f"event={cause}")[nth], logged(daemon, f"event=rpc.call .*method={WATCH}")[-1]
        self.assertLess((told - changed).total_seconds(), 1.0, cause)

    def test_R17_the_store_is_lost_and_comes_back(self):
        with Daemon() as daemon:
            well = json.loads(daemon.cli("call", "petfood.rpc.v1.HealthService/Check", "{}").stdout)
            self.assertEqual((well["status"], well["ready"]), ("healthy", True))
            watcher = self.watch(daemon, well["revision"])
            holder, request = self.hold_writes(daemon)
            lost = watcher.answer()
            self.assertEqual((lost["status"], lost["ready"]), ("unhealthy", False))
            self.assertEqual([c["status"] for c in lost["components"] if c["name"] == "database"], ["unhealthy"])
            self.assertGreater(lost["revision"], well["revision"])
            self.assert_told_within_a_second(daemon, "health.lost")
            watcher = self.watch(daemon, lost["revision"])
            holder.execute("rollback")
            back = watcher.answer()
            self.assertEqual((back["status"], back["ready"]), ("healthy", True))
            self.assert_told_within_a_second(daemon, "health.recovered")
            request.join()
            holder.close()

    def test_R17_a_stop_is_told_before_the_bridge_is_empty(self):
        with Daemon() as daemon:
            well = json.loads(daemon.cli("call", "petfood.rpc.v1.HealthService/Check", "{}").stdout)
            watcher = self.watch(daemon, well["revision"])
            holder, request = self.hold_writes(daemon)
            wait_until("the request to be under way", lambda: "rpc_calls_in_flight 2" in daemon.get("/metrics", user=None).body.decode())
            daemon.process.send_signal(signal.SIGTERM)
            stopping = watcher.answer()
            self.assertFalse(stopping["ready"])
            self.assertIsNone(daemon.process.poll(), "it waits for the request")
            holder.execute("rollback")
            holder.close()
            request.join()
            self.assertEqual(daemon.process.wait(harness.DEADLINE_S), 0)
            self.assert_told_within_a_second(daemon, "daemon.stopping")


if __name__ == "__main__":
    unittest.main()
