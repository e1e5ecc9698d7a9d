#!/usr/bin/python3
"""Requests a second over HTTP: a task's state (token, RPC, SQLite) beside /health (none of them) on the same bridge, in turn."""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import harness  # noqa: E402

CONNECTIONS, ROUNDS, SECONDS = 64, 5, 2
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(daemon, path, token):
    """One round: requests a second, p50 and p99 in ms, CPU of the daemon per request in us."""
    before = cpu_s(daemon.process.pid)
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-H", f"Authorization: Bearer {token}",
                           f"http://127.0.0.1:{daemon.port}{path}"], capture_output=True, text=True, check=True).stdout
    used = cpu_s(daemon.process.pid) - before
    if "Non-2xx" in done or "Socket errors" in done:
        raise SystemExit(f"{path}: not every answer was good:\n{done}")
    requests = int(re.search(r"(\d+) requests in", done)[1])
    def at(percent):
        value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)$", done, re.M).groups()
        return float(value) * UNITS_MS[unit]
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]), "p50": at(50), "p99": at(99), "cpu_us": used / requests * 1e6}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    harness.BUILD = pathlib.Path(parser.parse_args().build).resolve()
    with harness.Daemon() as daemon:
        made = daemon.request("POST", "/api/v1/plans/", {"pet_type": "dog"})
        if made.status != 200:
            raise SystemExit(f"no task: {made.status} {made.body!r}")
        task = json.loads(made.body)["data"]["task_id"]
        paths = {"/health": "/health", "/api/v1/tasks/{id}": f"/api/v1/tasks/{task}"}
        harness.wait_until("the plan", lambda: json.loads(daemon.request("GET", paths["/api/v1/tasks/{id}"]).body)["data"]["status"] == "completed")
        rounds = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, path in paths.items():
                rounds[name].append(load(daemon, path, daemon.token()))
    print(f"{CONNECTIONS} connections, wrk on one thread, {ROUNDS} rounds of {SECONDS} s in turn; the best of each but for CPU (median)")
    print(f"{'route':<22} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/request':>15}")
    best = {}
    for name, runs in rounds.items():
        best[name] = max(r["rate"] for r in runs)
        print(f"{name:<22} {best[name]:>10.0f} {min(r['p50'] for r in runs):>8.2f} {min(r['p99'] for r in runs):>8.2f} "
              f"{statistics.median(r['cpu_us'] for r in runs):>15.1f}")
    print(f"ratio {best['/api/v1/tasks/{id}'] / best['/health']:.2f} (goal 0.2)")


main()
