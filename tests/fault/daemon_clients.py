"""What goes on while a real daemon is hurt: creates with idempotency keys, readers that lose their lines, cancels."""
import hashlib
import threading
import time
import traceback

import harness
from harness import Connection, Cut, Stream

LOST = (ConnectionError, OSError)
GOOD = (200, 204, 400, 409, 503, 504)  # no other answer is an answer to what is asked here
STUCK_S = 90.0  # longer than anything that may take its time here: what is not over by then never will be


class Violation(Exception):
    """A promise was broken."""


class Work:
    """One task that somebody wants: a key, what is asked for, and what was promised since."""

    def __init__(self, body, streamed):
        self.body, self.streamed, self.key = body, streamed, harness.new_key()
        self.task = None         # as acknowledged; the same for ever
        self.lock = threading.Lock()
        self.cancel_sent = self.cancel_acknowledged = False
        self.readings = []       # Reading
        self.pages = []          # what pollers got: [(number, data)]

    @property
    def is_plan(self):
        return "events" not in self.body

    def acknowledge(self, task):
        with self.lock:
            if self.task not in (None, task):
                raise Violation(f"key {self.key} is task {self.task}, and then {task}")
            self.task = task


class Reading:
    """What one reader has seen of a task."""

    def __init__(self):
        self.numbered = []   # (number, sha256 of the data line)
        self.connections = self.cuts = 0

    @property
    def last(self):
        return self.numbered[-1][0] if self.numbered else 0


class Clients:
    """All clients of one schedule. Each runs in a thread of its own; what goes wrong in one is a violation."""

    def __init__(self, port, token, violations):
        self.port, self.violations = port, violations
        self.authorization = {"Authorization": f"Bearer {token}"}
        self.threads = []
        self.lock = threading.Lock()
        self.works = []
        self.answers = {}        # status -> count
        self.give_up = threading.Event()
        self.deadline = None     # of the whole schedule's end, once the faults are over

    # ---- threads ----

    def start(self, action, *arguments):
        def run():
            try:
                action(*arguments)
            except Violation as broken:
                self.violations.append(str(broken))
            except Exception:  # a client that breaks has met something that no daemon should send
                self.violations.append(f"a client broke: {traceback.format_exc()}")
        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def join(self):
        """Everybody has come to an end, or said in vain that nothing comes."""
        self.deadline = time.monotonic() + STUCK_S
        for thread in list(self.threads):
            thread.join(max(0.0, self.deadline + 30 - time.monotonic()))
        if any(t.is_alive() for t in self.threads):
            self.violations.append("a client waits for ever")
            self.give_up.set()

    def again(self, what):
        """Called before each repetition: a moment's rest, and an end to patience once nothing is broken any more."""
        if self.give_up.wait(0.02):
            raise Violation(f"gave up: {what}")
        if self.deadline and time.monotonic() > self.deadline:
            raise Violation(f"stuck: {what}")

    # ---- one request ----

    def count(self, status):
        with self.lock:
            self.answers[status] = self.answers.get(status, 0) + 1

    def call(self, verb, path, body=None, headers=None):
        """A reply, or None where the line was lost. Only answers that CONTRACT knows are good."""
        try:
            connection = Connection(self.port)
        except LOST:
            return None
        try:
            connection.send(verb, path, body, dict(self.authorization, **(headers or {})))
            reply = connection.reply()
        except LOST:
            return None
        finally:
            connection.close()
        self.count(reply.status)
        if reply.status not in GOOD:
            raise Violation(f"{verb} {path}: {reply}")
        if reply.status == 503 and reply.json["code"] != 503:
            raise Violation(f"{verb} {path}: the body does not say 503: {reply}")
        return reply

    def insist(self, verb, path):
        """The first reply that is not an excuse."""
        while True:
            reply = self.call(verb, path)
            if reply and reply.status < 500:
                return reply
            self.again(f"{verb} {path}: {reply}")

    def wait_for_end(self, work):
        while self.insist("GET", f"/api/v1/tasks/{work.task}").data["status"] in ("pending", "running"):
            self.again(f"{work.task} to end")

    # ---- create ----

    def create(self, work):
        while not (self.create_stream(work) if work.streamed else self.create_plain(work)):
            self.again(f"create {work.key}")

    def create_plain(self, work):
        reply = self.call("POST", "/api/v1/plans/", work.body, {"Idempotency-Key": work.key})
        if reply is None or reply.status >= 500:
            return False
        work.acknowledge(reply.data["task_id"])
        return True

    def create_stream(self, work):
        stream = None
        try:
            stream = Stream(self.port)
            stream.connection.send("POST", "/api/v1/plans/stream", work.body, dict(self.authorization, **{"Idempotency-Key": work.key}))
            stream.open()
            self.count(stream.status)
            if stream.status in (503, 504):
                return False
            if stream.status != 200:
                raise Violation(f"a create is answered {stream.status}")
            for event in stream.events():
                if event.number == 1 and event.type == "task_created":
                    work.acknowledge(event.data["task_id"])
                    return True
                raise Violation(f"the stream of a create begins with {event} {event.text[:200]}")
            return False
        except LOST:
            return False
        finally:
            if stream:
                stream.close()

    # ---- read ----

    def wait_for_task(self, work):
        while work.task is None:
            self.again(f"no task for {work.key}")
        return work.task

    def follow(self, work, rng, patient):
        """Reads to the end over any number of cuts: patient readers stay for long, others leave after a few bytes."""
        reading, task = Reading(), self.wait_for_task(work)
        work.readings.append(reading)
        # Small budgets cut heads and first frames, the large one a finished plan; that one has to come through in the end.
        while not self.follow_once(reading, task, None if rng.random() < (0.7 if patient else 0.1) else
                                   rng.randrange(1, rng.choice((900, 4000, 400000)))):
            self.again(f"reader of {task} after {reading.last}")
        while True:  # who has it all is told so, always
            end = self.call("GET", f"/api/v1/plans/stream?task_id={task}", headers={"Last-Event-ID": str(reading.last)})
            if end and end.status == 204:
                return
            if end and end.status != 503:
                raise Violation(f"{task} after its last event {reading.last}: {end}")
            self.again(f"204 of {task}")

    def follow_once(self, reading, task, budget):
        """One connection; True once `done` or 204 has come."""
        stream = None
        reading.connections += 1
        try:
            stream = Stream(self.port, budget)
            stream.connection.send("GET", f"/api/v1/plans/stream?task_id={task}", None,
                                   dict(self.authorization, **{"Last-Event-ID": str(reading.last)}))
            stream.open()
            self.count(stream.status)
            if stream.status in (503, 504):
                return False
            if stream.status == 204:
                return True
            if stream.status != 200:
                raise Violation(f"{task} after {reading.last}: {stream.status}")
            for event in stream.events():
                if event.number is not None:
                    if event.number != reading.last + 1:
                        raise Violation(f"{task}: {event.number} came after {reading.last}")
                    reading.numbered.append((event.number, hashlib.sha256(event.text.encode()).hexdigest()))
                elif event.type == "done":
                    return True
                elif event.type != "resumed":
                    raise Violation(f"{task} after {reading.last}: {event} {event.text[:200]}")
            return False
        except Cut:
            reading.cuts += 1
            return False
        except LOST:
            return False
        finally:
            if stream:
                stream.close()

    def poll(self, work, rng):
        task, got = self.wait_for_task(work), []
        while True:
            page = self.insist("GET", f"/api/v1/tasks/{task}/events?after={len(got)}&limit={rng.randrange(1, 200)}").data
            for event in page["events"]:
                if event["number"] != len(got) + 1:
                    raise Violation(f"{task}: polling gives {event['number']} after {len(got)}")
                got.append((event["number"], event["data"]))
            if page["terminal"] and page["last"] == len(got):
                work.pages.append(got)
                return
            self.again(f"poller of {task} after {len(got)}")

    # ---- cancel ----

    def cancel(self, work, after_events):
        """Cancels once the task has so many events; keeps at it until it is told how it stands."""
        task = self.wait_for_task(work)
        while self.insist("GET", f"/api/v1/tasks/{task}").data["last_event"] < after_events:
            if self.insist("GET", f"/api/v1/tasks/{task}").data["status"] in ("completed", "failed"):
                return
            self.again(f"{task} to come to {after_events}")
        work.cancel_sent = True
        reply = self.insist("DELETE", f"/api/v1/tasks/{task}")
        if reply.status == 200:
            work.cancel_acknowledged = True
        elif reply.status != 409:
            raise Violation(f"cancel of {task}: {reply}")
