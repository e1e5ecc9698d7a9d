#!/usr/bin/python3
"""Progress streams: one task with many readers, many tasks with one reader each, and what an idle stream weighs."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import harness  # noqa: E402
from ground import Secure  # noqa: E402

READERS, TLS_READERS, TLS_WARM = 2000, 200, 20
# The shipped lease and heartbeat; as many tasks at once as there are.
SETTINGS = {"PETFOOD_BENCH": "true", "TASK_LEASE_MS": 6000, "TASK_HEARTBEAT_MS": 2000, "TASK_MAX_CONCURRENT": READERS}


def make_task(daemon, events, interval_ms, connection=None):
    body = {"pet_type": "dog", "events": events, "interval_ms": interval_ms}
    if connection is None:
        return daemon.post("/api/v1/plans/", body).data["task_id"]
    connection.send("POST", "/api/v1/plans/", body, daemon.headers())
    return connection.reply().data["task_id"]


class Readers:
    """The load program over a list of task ids; open() returns once every stream is."""

    def __init__(self, daemon, tasks, seconds=0):
        self.process = subprocess.Popen([str(harness.BUILD / "tools/bench/load/readers"), f"--port={daemon.port}", f"--token={daemon.token()}",
                                         f"--count={len(tasks)}", f"--seconds={seconds}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write("".join(f"{t}\n" for t in tasks))
        self.process.stdin.close()

    def open(self):
        line = self.process.stdout.readline()
        if line != "open\n":
            raise SystemExit(f"the readers did not open: {line!r}")
        return self

    def result(self):
        report = json.loads(self.process.stdout.read())
        self.process.wait()
        return report


def rss_anon(daemon):
    for line in pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no RssAnon")


def cpu_s(daemon):
    fields = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(name, report, cpu):
    print(f"{name:<44} {report['readers']:>7} {report['events']:>8} {report['lost']:>5} {report['doubled']:>7} {report['failed']:>6} "
          f"{report['p50_ms']:>8.1f} {report['p99_ms']:>8.1f} {cpu:>6.1f}", flush=True)


def run(name, tasks_of):
    with harness.Daemon(**SETTINGS) as daemon:
        daemon.token()
        tasks = tasks_of(daemon)
        before = cpu_s(daemon)
        report = Readers(daemon, tasks).open().result()
        row(name, report, cpu_s(daemon) - before)


def many_tasks(daemon):
    connection = harness.Connection(daemon.port)
    tasks = [make_task(daemon, 3, READERS * 5, connection) for _ in range(READERS)]  # 200 events a second in all
    connection.close()
    return tasks


def idle():
    """RssAnon of the daemon per open HTTP/1.1 stream that is told nothing."""
    with harness.Daemon(**SETTINGS) as daemon:
        daemon.token()
        task = make_task(daemon, 2, 60000)
        Readers(daemon, [task] * 200, 1).open().result()  # what every daemon holds that has served some
        before = rss_anon(daemon)
        readers = Readers(daemon, [task] * READERS, 3).open()
        grown = rss_anon(daemon) - before
        readers.result()
        return grown / READERS


def idle_tls():
    """The same over TLS and HTTP/2, each stream on a connection of its own, read by curl."""
    with Secure(**SETTINGS) as daemon:
        token, task = daemon.token(), make_task(daemon, 2, 60000)

        def read(count):
            return [subprocess.Popen(["curl", "-sNk", "--http2", "-H", f"Authorization: Bearer {token}", "-H", "Last-Event-ID: 0",
                                      f"https://127.0.0.1:{daemon.port}/api/v1/plans/stream?task_id={task}"], stdout=subprocess.PIPE)
                    for _ in range(count)]

        def opened(streams):
            for stream in streams:
                while not stream.stdout.readline().startswith(b"data:"):
                    if stream.poll() is not None:
                        raise SystemExit("a stream over TLS did not open")
        first = read(TLS_WARM)
        opened(first)
        before = rss_anon(daemon)
        more = read(TLS_READERS)
        opened(more)
        grown = rss_anon(daemon) - before
        for stream in first + more:
            stream.kill()
            stream.wait()
            stream.stdout.close()
        return grown / TLS_READERS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    harness.BUILD = pathlib.Path(parser.parse_args().build).resolve()
    print(f"{'streams':<44} {'readers':>7} {'events':>8} {'lost':>5} {'doubled':>7} {'failed':>6} {'p50 ms':>8} {'p99 ms':>8} {'CPU s':>6}")
    run("one task, 10 events/s", lambda daemon: [make_task(daemon, 100, 100)] * READERS)
    run(f"{READERS} tasks, 200 events/s in all", many_tasks)
    print(f"an idle HTTP/1.1 stream: {idle() / 1024:.1f} KiB of RssAnon (goal 12)")
    print(f"an idle stream over TLS and HTTP/2, alone on its connection: {idle_tls() / 1024:.1f} KiB of RssAnon")


main()
