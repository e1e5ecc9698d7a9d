#!/usr/bin/python3
"""Empty jobs: how many a second are taken, claimed, run and finished by the real daemon on SQLite, each a durable create, claim and
completion; beside the plain rate of durable transactions that this disk gives one SQLite writer."""
import argparse
import pathlib
import sqlite3
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import harness  # noqa: E402

TASKS, WRITERS, ROUNDS, SYNC_SECONDS = 2000, 8, 3, 1.0


def create(daemon, count):
    """Creates so many tasks over one connection; they wait until a worker may run."""
    connection = harness.Connection(daemon.port)
    for _ in range(count):
        connection.send("POST", "/api/v1/plans/", {"pet_type": "dog", "events": 1, "interval_ms": 0}, daemon.headers())
        if connection.reply().status != 200:
            raise SystemExit("a task was refused")
    connection.close()


def states(daemon):
    rows = sqlite3.connect(f"file:{daemon.dir / 'data' / 'petfood.db'}?mode=ro", uri=True)
    try:
        return dict(rows.execute("select status, count(*) from tasks group by status").fetchall())
    finally:
        rows.close()


def plain_commits():
    """Commits a second of one writer, one row each, in WAL mode with the synchronous setting of the store."""
    with tempfile.TemporaryDirectory() as directory:
        db = sqlite3.connect(f"{directory}/x.db", isolation_level=None)
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("create table t (a integer primary key, b blob)")
        began, count = time.monotonic(), 0
        while time.monotonic() - began < SYNC_SECONDS:
            db.execute("insert into t (b) values (zeroblob(200))")
            count += 1
        return count / (time.monotonic() - began)


def round_of(daemon):
    """Tasks a second from the first create to the last completion, with WRITERS clients."""
    done = states(daemon).get("completed", 0)
    began = time.monotonic()
    threads = [threading.Thread(target=create, args=(daemon, TASKS // WRITERS)) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    created = time.monotonic() - began
    harness.wait_until("all tasks", lambda: states(daemon).get("completed", 0) == done + TASKS)
    return TASKS / (time.monotonic() - began), TASKS / created


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    harness.BUILD = pathlib.Path(parser.parse_args().build).resolve()
    best = (0, 0)
    with harness.Daemon(PETFOOD_BENCH="true", TASK_LEASE_MS=6000, TASK_HEARTBEAT_MS=2000, TASK_MAX_CONCURRENT=64) as daemon:
        daemon.token()
        create(daemon, 1)
        harness.wait_until("the first task", lambda: states(daemon).get("completed") == 1)
        commits = 0
        for _ in range(ROUNDS):
            commits = max(commits, plain_commits())
            best = max(best, round_of(daemon))
    print(f"{TASKS} tasks of one event, {WRITERS} clients, 64 at once; best of {ROUNDS} rounds")
    print(f"created, claimed, run and finished: {best[0]:.0f} tasks/s (created alone, meanwhile: {best[1]:.0f}/s)")
    print(f"one plain SQLite writer on this disk, a durable row at a time: {commits:.0f} commits/s; tasks per commit {best[0] / commits:.2f}")


main()
