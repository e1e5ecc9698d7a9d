"""Progress streams of the real daemon (DESIGN 4; list S): cut at every byte, cursors of all kinds, slow readers, clock steps."""
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import threading
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


def in_parallel(jobs):
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(harness.DEADLINE_S)
        assert not thread.is_alive(), "a reader still waits for its end"


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


class Cursors(unittest.TestCase):
    """What a reader may say that it has, and what it is given."""

    def read(self, daemon, task, cursor=None, query="", user="ann"):
        """A whole stream: its frames; None for 204."""
        headers = {} if cursor is None else {"Last-Event-ID": cursor}
        stream = harness.Stream(daemon.port)
        stream.connection.send("GET", f"/api/v1/plans/stream?task_id={task}{query}", None, daemon.headers(user, None, headers))
        stream.open()
        if stream.status == 204:
            self.assertEqual(stream.connection.buffer, b"")
            self.assertNotIn("content-type", stream.headers)
            # EventSource stops at a 204; the connection is as good as before.
            stream.connection.send("GET", "/health")
            self.assertEqual(stream.connection.reply().status, 200)
            stream.close()
            return None
        return stream.all()

    def check_rest(self, daemon, task, frames, after):
        """after+1..n with the log's own data, one terminal event, `done`."""
        log = stored_events(daemon, task)
        self.assertEqual([(e.number, e.text.encode()) for e in frames[:-1]], [(number, data) for number, data, _ in log[after:]])
        self.assertEqual((frames[-1].number, frames[-1].type), (None, "done"))

    def check_reset(self, daemon, task, frames):
        self.assertEqual((frames[0].number, frames[0].type), (None, "reset"))
        self.assertEqual(frames[0].data["last_event"], len(stored_events(daemon, task)))
        self.check_rest(daemon, task, frames[1:], 0)

    def test_S08_an_expired_log_is_one_reset(self):
        with Daemon(movable_clock=True, PETFOOD_BENCH="true") as daemon:
            reader = Reader(daemon).read_to_end({"events": 6, "interval_ms": 0})
            last = reader.last
            self.assertEqual(daemon.stop(), 0)
            daemon.clock_jump(25 * 3600)
            daemon.tokens.clear()
            daemon.start()
            harness.wait_until("the log to be swept", lambda: not stored_events(daemon, reader.task))
            for cursor in ("0", "1", str(last - 1), "x", str(last + 1)):
                with self.subTest(cursor=cursor):
                    frames = self.read(daemon, reader.task, cursor)
                    self.assertEqual([(e.number, e.type) for e in frames], [(None, "reset"), (None, "task_completed"), (None, "done")])
            self.assertIsNone(self.read(daemon, reader.task, str(last)), "who has it all needs no log")
            self.assertEqual([e.type for e in self.read(daemon, reader.task)], ["task_completed", "done"])

    GARBAGE = {
        "text": "abc", "negative": "-1", "plus": "+1", "hexadecimal": "0x1", "exponent": "1e1", "fraction": "1.0", "two": "1 2",
        "other digits": "\u0661".encode().decode("latin-1"), "no UTF-8": "\xff\xfe", "beyond 64 bits": "18446744073709551617",
        "another log's epoch": "7c9e6679-7425-40de-944b-e07fc1f90ae7:3", "SQL": "1; drop table task_events", "10 KB of digits": "1" * 10240,
        "10 KB of text": "x" * 10240, "far ahead": "999999999999999999",
    }

    def test_S09_cursors_that_mean_nothing_are_reset_once(self):
        with Daemon(PETFOOD_BENCH="true") as daemon:
            short = Reader(daemon).read_to_end({"events": 3, "interval_ms": 0})
            long = Reader(daemon).read_to_end({"events": 40, "interval_ms": 0})
            rows = dict(self.GARBAGE, ahead=str(short.last + 1), foreign=str(long.last))
            for label, cursor in rows.items():
                with self.subTest(label):
                    self.check_reset(daemon, short.task, self.read(daemon, short.task, cursor))
            with self.subTest("10 KB in the query"):
                self.check_reset(daemon, short.task, self.read(daemon, short.task, query="&last_event_id=" + "9" * 10240))

    def test_S09_a_reset_reader_goes_on_from_its_new_cursor(self):
        """Also while the task runs; cut after the reset, it is not reset again."""
        with Daemon(PETFOOD_BENCH="true") as daemon:
            first = Reader(daemon)
            first.read({"events": 30, "interval_ms": 20}, until=lambda e: e.number == 5)
            lost = Reader(daemon)
            lost.task = first.task
            stream = daemon.stream(task=first.task, after="4711")
            for event in stream.events():
                lost.take(event)
                if event.number == 8:
                    break
            stream.close()
            lost.read_to_end()
            first.read_to_end()
            lost.check_dense()
            self.assertEqual([e.type for e in lost.unnumbered], ["reset", "done"])
            self.assertEqual([e.text for e in lost.numbered], [e.text for e in first.numbered])

    def test_S11_one_terminal_event_and_204_after_it(self):
        with Daemon(PETFOOD_BENCH="true") as daemon:
            ended = Reader(daemon).read_to_end({"events": 3, "interval_ms": 0})
            cancelled = Reader(daemon)
            cancelled.read({"events": 3, "interval_ms": 60000}, until=lambda e: e.number == 1)
            self.assertEqual(daemon.delete(f"/api/v1/tasks/{cancelled.task}").status, 200)
            cancelled.read_to_end()
            for reader, kind in ((ended, "task_completed"), (cancelled, "error")):
                reader.check_dense()
                log = stored_events(daemon, reader.task)
                self.assertEqual([e.text.encode() for e in reader.numbered], [data for _, data, _ in log])
                self.assertEqual([number for number, _, terminal in log if terminal], [reader.last])
                self.assertEqual(reader.numbered[-1].type, kind)
                for _ in range(2):
                    self.assertIsNone(self.read(daemon, reader.task, str(reader.last)))
                self.assertIsNone(self.read(daemon, reader.task, query=f"&last_event_id={reader.last}"))
                self.check_rest(daemon, reader.task, self.read(daemon, reader.task, str(reader.last - 1)), reader.last - 1)

    def test_S13_the_header_beats_the_query(self):
        with Daemon(PETFOOD_BENCH="true") as daemon:
            reader = Reader(daemon).read_to_end({"events": 6, "interval_ms": 0})
            for header, query, after in (("2", "5", 2), ("5", "2", 5), ("0", "5", 0), (None, "4", 4), ("3", "x", 3), ("", "4", 4)):
                with self.subTest(header=header, query=query):
                    self.check_rest(daemon, reader.task, self.read(daemon, reader.task, header, f"&last_event_id={query}"), after)
            self.check_reset(daemon, reader.task, self.read(daemon, reader.task, "x", "&last_event_id=2"))


class Readers(unittest.TestCase):
    def test_S04_no_doorbell_ever_rings(self):
        """A bridge of its own hears of no event; it reads the log by the heads that it asks for."""
        with Daemon(PETFOOD_BENCH="true") as daemon:
            edge = Daemon(PETFOOD_ROLE="bridge", EVENTS_ENDPOINTS=f"ipc://{daemon.dir}/nobody.sock", PETFOOD_BENCH="true")
            edge.dir.rmdir()
            edge.dir = daemon.dir
            edge.start()
            try:
                tabs = [Reader(edge), Reader(edge)]
                tabs[0].read({"events": 100, "interval_ms": 40}, until=lambda e: e.number == 1)
                tabs[1].task = tabs[0].task
                in_parallel([tab.read_to_end for tab in tabs])
                log = [data for _, data, _ in stored_events(daemon, tabs[0].task)]
                self.assertGreater(len(log), 100)
                for tab in tabs:
                    tab.check_dense()
                    self.assertEqual([e.text.encode() for e in tab.numbered], log)
                metrics = edge.get("/metrics", user=None).body.decode()
                reads = int(re.search(r"^events_log_reads_total(?:{[^}]*})? (\d+)", metrics, re.M).group(1))
                self.assertLess(reads, 60, "the log is asked when a head moved, not all the time")
            finally:
                self.assertEqual(edge.stop(), 0)

    def test_S10_tabs_and_the_log_have_the_same_hash(self):
        rng = seeded("S10")
        with Daemon(PLANNER_PACE_MS=10) as daemon:
            tabs = [Reader(daemon)]
            tabs[0].read(PET, until=lambda e: e.number == 1)
            for _ in range(5):
                tabs.append(Reader(daemon))
                tabs[-1].task = tabs[0].task

            def follow(tab, budgets):
                for budget in budgets:
                    tab.read(budget=budget)
                tab.read_to_end()

            in_parallel([functools.partial(follow, tab, [rng.randrange(1, 40000) for _ in range(n)]) for n, tab in enumerate(tabs)])
            want = hashlib.sha256(b"".join(data for _, data, _ in stored_events(daemon, tabs[0].task))).hexdigest()
            for tab in tabs:
                tab.check_dense()
                self.assertEqual(hashlib.sha256("".join(e.text for e in tab.numbered).encode()).hexdigest(), want)

    def test_S12_any_text_arrives_whole(self):
        """Line ends of all kinds, a mark at the beginning, what looks like a field, a megabyte: put into the log by hand, as adopted
        rows might be."""
        texts = ["a\nb", "a\r\nb\rc", "\n\nid: 9\nevent: x\ndata: y\n\n", "\ufeff{}", "data: \u2028\u0085\u732b", " two  spaces ", ":", "",
                 '"' + "\u732b" * (1 << 20) + '"', "x" * (1 << 20), "last\n"]
        with Daemon(PETFOOD_BENCH="true") as daemon:
            reader = Reader(daemon).read_to_end({"events": len(texts), "interval_ms": 0})
            self.assertEqual(daemon.stop(), 0)
            with contextlib.closing(sqlite3.connect(daemon.dir / "data" / "petfood.db")) as store, store:
                for number, text in enumerate(texts, 2):
                    store.execute("update task_events set data = ? where task_id = ? and number = ?", (text, reader.task, number))
            daemon.start()
            stream = daemon.stream(task=reader.task, after=1).open()
            got, number, lines = [], None, []
            # HTML standard, 9.2.6: lines end in CR LF, CR or LF; what is joined again ends each line in LF.
            for line in re.split("\r\n|\r|\n", b"".join(stream.connection.chunks()).decode()):
                field, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if field == "id":
                    number = int(value)
                elif field == "data":
                    lines.append(value)
                elif not line and lines:
                    got.append((number, "\n".join(lines)))
                    number, lines = None, []
                else:
                    self.assertIn(field, ("", "retry"))
            stream.close()
            want = [(number, re.sub("\r\n?", "\n", text)) for number, text in enumerate(texts, 2)]
            self.assertEqual([number for number, _ in got[:len(texts)]], [number for number, _ in want])
            for (number, have), (_, text) in zip(got, want):
                self.assertTrue(have == text, f"event {number}: {have[:60]!r}, {len(have)} characters")
            self.assertEqual(len(got), len(texts) + 2)
            self.assertEqual(got[-2], (reader.last, reader.numbered[-1].text))

    def test_S14_slow_readers_cost_little_and_catch_up(self):
        """Eight readers take nothing of a log of 20 MB: the daemon holds a page and a queue for each, the quick reader is served
        meanwhile, and who reads on has it all."""
        count = 300 if harness.SHORT else 1250
        with Daemon(PETFOOD_BENCH="true") as daemon:
            quick = Reader(daemon).read_to_end({"events": count, "interval_ms": 0})
            self.assertEqual(daemon.stop(), 0)
            with contextlib.closing(sqlite3.connect(daemon.dir / "data" / "petfood.db")) as store, store:
                store.executemany("update task_events set data = ? where task_id = ? and number = ?", (
                    (json.dumps({"type": "info", "n": number, "text": "x" * 16384}), quick.task, number) for number in range(1, count + 1)))
            daemon.start()
            want = [data for _, data, _ in stored_events(daemon, quick.task)]
            before = memory_kib(daemon, "VmRSS")
            slow = []
            for _ in range(8):
                stream = harness.Stream(daemon.port, receive_bytes=4096)
                stream.connection.send("GET", f"/api/v1/plans/stream?task_id={quick.task}", None, daemon.headers("ann", None, {"Last-Event-ID": "0"}))
                self.assertEqual(stream.open().status, 200)
                slow.append(stream)
            for stream in [daemon.stream(task=quick.task, after=0)] + slow[:1]:
                events = stream.all()
                self.assertEqual([e.number for e in events], list(range(1, len(want) + 1)) + [None])
                self.assertTrue(all(e.text.encode() == data for e, data in zip(events, want)))
            if not harness.SHORT:  # a sanitizer keeps what was freed
                self.assertLess(memory_kib(daemon, "VmHWM") - before, 65536)
            for stream in slow[1:]:
                stream.close()


def memory_kib(daemon, what):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(what + r":\s+(\d+) kB", status).group(1))


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
                    for _ in range(2):
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
