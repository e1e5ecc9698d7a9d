#!/usr/bin/python3
"""What other clients notice of abuse: the p99 of 500 GETs a second (with a token, a task from SQLite; each counted from the moment it is
due; every 20th on a new connection) beside an attack, and without one in the same run. Attacker, clients and daemon share the machine."""
import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import harness  # noqa: E402
from ground import Ground  # noqa: E402

ROUNDS, SECONDS, GOAL, GROWTH_GOAL = 3, 3, 2.0, 64.0
ROWS = (  # ground, label, attack
    ("plain", "10,000 idle connections, dropped ones back at 500/s", "idle"),
    ("plain", "slow header: 500 connections, 1 B/s", "slow_header"),
    ("plain", "slow body: 300 connections, 900 kB and then 1 B/s", "slow_body"),
    ("plain", "slow reader: 200 streams, 200 documents, 1 B/s", "slow_reader"),
    ("plain", "100 KiB headers, one connection flat out", "large_headers"),
    ("plain", "JSON bombs of 1 MB, one connection flat out", "json_bombs"),
    ("plain", "gzip bombs of 200 kB, one connection flat out", "compressed_bombs"),
    ("tls", "rapid reset, one connection after the other, flat out", "rapid_reset"),
    ("tls", "rapid reset of unfinished requests, the same", "half_reset"),
    ("tls", "HTTP/2 header blocks that never end: 100 connections", "slow_header"),
    ("tls", "HTTP/2 bodies that never end: 10 connections x 8 x 900 kB", "slow_body"),
    ("tls", "HTTP/2 readers without a window: 50 connections x 100", "slow_reader"),
    ("rpc", "second daemon on the same directory, port, sockets", "second_instance"),
    ("rpc", "RPC sockets: peers that hang up before the handshake, 400/s", "drop_handshake"),
    ("rpc", "RPC sockets: peers that say nothing, or half of it", "silent_handshake"),
)


def cpu(ground, fn):
    began = ground.cpu_seconds(), os.times().elapsed
    value = fn()
    return value, (ground.cpu_seconds() - began[0]) / (os.times().elapsed - began[1])


def measure(ground, attack):
    """(p50, p99) quiet and under attack, failures, growth, share of a core: the best of each over interleaved rounds."""
    quiet, abused, failed, growth, shares = [], [], 0, 0.0, []
    for _ in range(ROUNDS):
        calm = ground.probe(SECONDS)
        (probe, _, grown), share = cpu(ground, lambda: ground.under(attack, SECONDS))
        quiet.append((calm["p99_us"], calm["p50_us"]))
        abused.append((probe["p99_us"], probe["p50_us"]))
        failed += sum(p["failed"] + p["stream_gaps"] + bool(p["stream_wrong"]) for p in (calm, probe, probe["early"]))
        growth = max(growth, grown / (1 << 20))
        shares.append(share)
    return min(quiet), min(abused), failed, growth, min(shares)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", action="append", help="attacks by name, as attacks.py has them")
    arguments = parser.parse_args()
    harness.BUILD = pathlib.Path(arguments.build).resolve()
    rows = [row for row in ROWS if not arguments.only or row[2] in arguments.only]
    print(f"abuse: best p99 of {ROUNDS} interleaved rounds of {SECONDS} s; goal: at most {GOAL:g} times the quiet one, +{GROWTH_GOAL:g} MiB; ms")
    print(f"{'attack':62} {'quiet p50':>9} {'p99':>7} {'under p50':>9} {'p99':>7} {'ratio':>6} {'failed':>6} {'MiB':>6} {'cores':>6}")
    missed = failures = 0
    for kind, options in (("plain", {}), ("tls", {"tls": True}), ("rpc", {"tcp": True})):
        mine = [row for row in rows if row[0] == kind]
        if not mine:
            continue
        with Ground(**options) as ground:
            for _, label, attack in mine:
                quiet, abused, failed, growth, share = measure(ground, attack)
                ratio = abused[0] / quiet[0]
                bad = ratio > GOAL or growth > GROWTH_GOAL or failed
                missed += ratio > GOAL
                failures += failed
                print(f"{label:62} {quiet[1] / 1000:9.2f} {quiet[0] / 1000:7.2f} {abused[1] / 1000:9.2f} {abused[0] / 1000:7.2f} {ratio:6.1f} "
                      f"{failed:6} {growth:6.1f} {share:6.2f}{'  MISSED' if bad else ''}", flush=True)
    print(f"abuse: {len(rows)} attacks, {missed} beyond {GOAL:g} times the quiet p99, {failures} requests or events of others failed")
    return 1 if failures else 0


sys.exit(main())
