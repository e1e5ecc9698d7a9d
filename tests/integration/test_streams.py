"""Progress streams of the real daemon (DESIGN 4; list S): cut at every byte, cursors of all kinds, slow readers, clock steps."""
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import unittest

import harness
from harness import PET, Daemon, Reader, seeded


def stored_events(daemon, task):
    """The log itself, past every reader: [(number, bytes, terminal)]."""
    path = (daemon.dir / "data" / "petfood.db").as_uri() + "?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as store:
        rows = store.execute("select number, cast(data as blob), terminal from task_events where task_id = ? order by number", (task,))
        return [(number, bytes(data), bool(terminal)) for number, data, terminal in rows]


def cut_reader(*options, token=""):
    program = harness.BUILD / "tests" / "integration" / "cut_reader"
    return subprocess.run([str(program), *options], input=token, capture_output=True, text=True, timeout=1800)


class EveryByte(unittest.TestCase):
    """A recorded run is read again, cut after N bytes, and gone on with, for every N."""

    def cut(self, daemon, task, *options):
        log = stored_events(daemon, task)
        self.assertEqual([number for number, _, _ in log], list(range(1, len(log) + 1)))
        self.assertEqual([number for number, _, terminal in log if terminal], [len(log)])
        path = pathlib.Path(daemon.dir) / "log.bin"
        path.write_bytes(b"".join(b"%d %d\n%s\n" % (number, len(data), data) for number, data, _ in log))
        done = cut_reader(f"--port={daemon.port}", f"--path=/api/v1/plans/stream?task_id={task}&last_event_id=0", f"--log={path}",
                          *options, token=daemon.token())
        print(done.stdout.strip())
        self.assertEqual(done.returncode, 0, done.stdout[-500:] + done.stderr[-2000:])
        report = json.loads(done.stdout)
        self.assertEqual((report["violations"], report["events"]), (0, len(log)))
        return report

    def bench_run(self, daemon):
        reader = Reader(daemon).read_to_end({"events": 30 if harness.SHORT else 120, "interval_ms": 0})
        reader.check_dense()
        return reader.task

    def test_S01_every_byte_over_http1(self):
        with Daemon(PETFOOD_BENCH="true") as daemon:
            report = self.cut(daemon, self.bench_run(daemon), "--step=7" if harness.SHORT else "--step=1")
            if not harness.SHORT:
                self.assertGreaterEqual(report["cuts"], report["size"])
            self.assertTrue(all(report[place] > 0 for place in ("head", "between", "frame", "character", "mark")), report)

    def test_S01_every_so_many_bytes_of_a_plan(self):
        step = int(os.environ.get("PETFOOD_PLAN_STEP", 997 if harness.SHORT else 41))
        first = seeded("S01 plan").randrange(1, step + 1)
        with Daemon() as daemon:
            self.cut(daemon, Reader(daemon).read_to_end(PET).task, f"--from={first}", f"--step={step}")

    def test_S01_cut_over_http2(self):
        """The line is lost, or the stream is reset and another one opened on the same connection."""
        rng = seeded("S01 HTTP/2")
        with Daemon(PETFOOD_BENCH="true") as daemon:
            tasks = [self.bench_run(daemon), Reader(daemon).read_to_end(PET).task]
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(cut_reader(f"--certificate={daemon.dir}").returncode, 0)
            daemon.start(TLS_CERT_FILE=daemon.dir / "cert.pem", TLS_KEY_FILE=daemon.dir / "key.pem")
            for task, step in zip(tasks, (211, 1999) if harness.SHORT else (53, 499)):
                report = self.cut(daemon, task, "--http2", f"--from={rng.randrange(1, step + 1)}", f"--step={step}")
                self.assertGreater(report["cuts"], 60 if harness.SHORT else 300)
                self.assertTrue(all(report[place] > 0 for place in ("head", "frame", "mark")), report)


class ClockSteps(unittest.TestCase):
    """The system's clock is set by an hour, forth and back: timers, streams and half-sent requests go on as if nothing had been."""

    HOUR = 3600

    def check_whole(self, daemon, reader):
        reader.check_dense()
        self.assertEqual([e.text.encode() for e in reader.numbered], [data for _, data, _ in stored_events(daemon, reader.task)])

    def test_S18_streams_go_on(self):
        with Daemon(movable_clock=True, PETFOOD_BENCH="true", SSE_HEARTBEAT_SECONDS=1) as daemon:
            quiet = daemon.stream({"events": 1, "interval_ms": 60000})
            quiet.connection.socket.settimeout(20)
            beats = quiet.beats()
            next(beats)
            for step in (self.HOUR, -self.HOUR, -self.HOUR, self.HOUR):
                with self.subTest(step=step):
                    half = harness.Connection(daemon.port)
                    half.socket.sendall(b"GET /health HTTP/1.1\r\nHost: local")
                    busy = Reader(daemon)
                    busy.read({"events": 20, "interval_ms": 50}, until=lambda e: e.number == 6 and daemon.clock_jump(step) is None)
                    for _ in range(3):
                        next(beats)
                    half.socket.sendall(b"host\r\n\r\n")
                    self.assertEqual(half.reply().status, 200)
                    half.close()
                    daemon.tokens.clear()  # a token from the hour that was taken back is refused
                    busy.read_to_end()
                    self.check_whole(daemon, busy)
            quiet.close()

    def test_S18_one_stream_lives_through_steps(self):
        with Daemon(movable_clock=True, PLANNER_PACE_MS=100) as daemon:
            steps = {5: self.HOUR, 9: -self.HOUR, 14: -self.HOUR, 18: self.HOUR}
            reader = Reader(daemon)
            why = reader.read(PET, until=lambda e: daemon.clock_jump(steps.get(e.number, 0)))
            self.assertEqual((why, reader.finished, reader.connections), ("end", True, 1))
            self.check_whole(daemon, reader)
            self.assertEqual(reader.numbered[-1].type, "task_completed")
