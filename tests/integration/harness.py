"""The real daemon, a raw HTTP client and a server-sent event reader for the integration tests. Standard library only.

Nothing here sleeps for luck: every wait ends when its condition holds, or fails loudly at a deadline.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"  # set by run.py
SHORT = False                       # set by run.py: fewer rounds, for sanitizer builds
DEADLINE_S = 120.0                  # for anything that must happen; generous, as sanitizer builds are slow


def wait_until(what, condition, deadline_s=DEADLINE_S):
    """The first true value of condition(); polls because the other side is another process."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s:.0f} s in vain for {what}")
        time.sleep(0.01)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_jwt(key, claims, header=None, digest=hashlib.sha256):
    head = b64(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = b64(json.dumps(claims).encode())
    signature = hmac.new(key, f"{head}.{body}".encode(), digest).digest()
    return f"{head}.{body}.{b64(signature)}"


class Daemon:
    """A petfoodd on a data directory of its own. start() again keeps directory and port. With movable_clock its wall clock,
    and that of its command line, can be stepped by clock_jump()."""

    def __init__(self, movable_clock=False, **settings):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="petfood-it-"))
        self.clock_file = self.dir / "clock" if movable_clock else None
        self.clock_us = 0
        if movable_clock:
            self.clock_file.write_bytes(struct.pack("=q", 0))
        self.settings = {"RATE_LIMIT_ENABLED": "false", "TASK_LEASE_MS": "1000", "TASK_HEARTBEAT_MS": "300", "TASK_MAX_PER_USER": "0",
                         "TASK_MAX_CONCURRENT": "8"}
        self.settings.update({k: str(v) for k, v in settings.items()})
        self.port = 0
        self.process = None
        self.tokens = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        code = self.stop()
        if exc[0] is None and code not in (0, None):
            raise AssertionError(f"petfoodd ended with {code}:\n{self.log()[-4000:]}")
        if exc[0] is not None:
            print("---- end of the daemon's log ----\n" + self.log()[-3000:])
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, **more):
        settings = dict(self.settings, **{k: str(v) for k, v in more.items()})
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LANG")}
        environment.update(settings, PETFOOD_DATA_DIR=str(self.dir / "data"), API_PORT=str(self.port))
        environment.update(self.clock_environment(environment))
        self.environment = environment
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen([str(BUILD / "petfoodd"), "--env-file=/dev/null"], env=environment, cwd=self.dir,
                                            stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        if "://" not in line:
            raise AssertionError(f"petfoodd did not start: {line!r}\n{self.log()[-4000:]}")
        self.port = int(line.rsplit(":", 1)[1])

    def clock_environment(self, environment):
        if not self.clock_file:
            return {}
        # A sanitizer's runtime wants to be loaded first; it need not be.
        sanitizer = {k: environment.get(k, "") + ":verify_asan_link_order=0" for k in ("ASAN_OPTIONS",)}
        return dict(sanitizer, LD_PRELOAD=str(BUILD / "tests" / "support" / "libclock_shift.so"), PETFOOD_TEST_CLOCK=str(self.clock_file))

    def clock_jump(self, seconds):
        """Steps the daemon's wall clock by so much, at once and for good; the monotonic clock goes on as it was."""
        self.clock_us += round(seconds * 1000000)
        with open(self.clock_file, "r+b", buffering=0) as shift:
            shift.write(struct.pack("=q", self.clock_us))  # one aligned word: never seen half

    def now_s(self):
        """The daemon's wall clock."""
        return time.time() + self.clock_us / 1e6

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def stop(self):
        if not self.process:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = -9
        self.process.stdout.close()
        self.process = None
        return code

    def key(self):
        return (self.dir / "data" / "keys" / "jwt.key").read_bytes().strip()

    def cli(self, *arguments, input=None, check=True, json_out=True):
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
        environment.update(self.clock_environment(environment))
        done = subprocess.run([str(BUILD / "petfood"), "--env-file=/dev/null", f"--data-dir={self.dir / 'data'}",
                               *(["--json"] if json_out else []), *arguments],
                              input=input, capture_output=True, text=True, env=environment, cwd=self.dir, timeout=DEADLINE_S)
        if check and done.returncode != 0:
            raise AssertionError(f"petfood {arguments} ended with {done.returncode}: {done.stdout[-1500:]} {done.stderr[-1500:]}")
        return done

    def token(self, user="ann"):
        if user not in self.tokens:
            self.tokens[user] = json.loads(self.cli("token", "--user", user, "--days", "1").stdout)["access_token"]
        return self.tokens[user]

    def user_id(self, user="ann"):
        body = self.token(user).split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"]

    # ---- HTTP ----

    def request(self, verb, path, body=None, user="ann", headers=None, raw=None, token=None):
        """One request on a connection of its own: Reply(status, headers, bytes)."""
        connection = Connection(self.port)
        try:
            connection.send(verb, path, body, self.headers(user, token, headers), raw)
            return connection.reply()
        finally:
            connection.close()

    def headers(self, user="ann", token=None, more=None):
        all_headers = {}
        if token is None and user is not None:
            token = self.token(user)
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        all_headers.update(more or {})
        return all_headers

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def stream(self, body=None, task=None, after=None, user="ann", headers=None, budget=None):
        """A stream that was opened (body) or resumed (task), not read yet."""
        stream = Stream(self.port, budget)
        head = self.headers(user, None, headers)
        if after is not None:
            head["Last-Event-ID"] = str(after)
        if body is not None:
            stream.connection.send("POST", "/api/v1/plans/stream", body, head)
        else:
            stream.connection.send("GET", f"/api/v1/plans/stream?task_id={task}", None, head)
        return stream


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body.decode())

    @property
    def data(self):
        answer = self.json
        assert self.status == 200 and answer["code"] == 0, f"{self.status}: {self.body[:400]!r}"
        return answer["data"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Cut(Exception):
    """The reader's own end of the line."""


class Connection:
    """A raw HTTP/1.1 connection; with a budget it is cut after that many bytes."""

    def __init__(self, port, budget=None, receive_bytes=0):
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE_S)
        if receive_bytes:  # before connecting: the window is agreed on then
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))
        self.buffer = b""
        self.budget = budget

    def close(self):
        self.socket.close()

    def send(self, verb, path, body=None, headers=None, raw=None):
        payload = raw if raw is not None else json.dumps(body, ensure_ascii=False).encode() if body is not None else b""
        lines = [f"{verb} {path} HTTP/1.1", "Host: localhost"]
        headers = dict(headers or {})
        if payload and not any(h.lower() == "content-type" for h in headers):
            headers["Content-Type"] = "application/json"
        if payload or verb in ("POST", "PUT"):
            headers.setdefault("Content-Length", str(len(payload)))
        lines += [f"{k}: {v}" for k, v in headers.items()]
        try:
            self.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + payload)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer may be there already

    def more(self):
        """Reads on; False at the end of the connection."""
        want = 65536
        if self.budget is not None:
            if self.budget <= 0:
                raise Cut
            want = min(want, self.budget)
        try:
            data = self.socket.recv(want)
        except ConnectionResetError:
            return False
        if self.budget is not None:
            self.budget -= len(data)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise ConnectionError(f"the connection ended before {mark!r}: {self.buffer[:200]!r}")
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def take(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise ConnectionError("the connection ended inside a body")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def reply(self, head_only=False):
        status, headers = self.head()
        body = b""
        if head_only or status in (204, 304):
            pass
        elif headers.get("transfer-encoding") == "chunked":
            for chunk in self.chunks():
                body += chunk
        elif "content-length" in headers:
            body = self.take(int(headers["content-length"]))
        else:
            while self.more():
                pass
            body, self.buffer = self.buffer, b""
        return Reply(status, headers, body)

    def chunks(self):
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                self.until(b"\r\n")
                return
            # Bytes of a chunk count as soon as they are there: a cut may fall inside it.
            left = size
            while left:
                if not self.buffer and not self.more():
                    raise ConnectionError("the connection ended inside a chunk")
                part, self.buffer = self.buffer[:left], self.buffer[left:]
                left -= len(part)
                yield part
            self.take(2)


class Event:
    def __init__(self, number, text):
        self.number, self.text = number, text
        self.data = json.loads(text)
        self.type = self.data["type"]

    def __repr__(self):
        return f"<{self.number} {self.type}>"


class Stream:
    """Reads whole frames only; what a cut left half is dropped, as a browser does."""

    def __init__(self, port, budget=None, receive_bytes=0):
        self.connection = Connection(port, budget, receive_bytes)
        self.status = self.headers = None
        self.comments = 0
        self.retry = None

    def open(self):
        if self.status is None:
            self.status, self.headers = self.connection.head()
        return self

    def refusal(self):
        """The JSON answer of a stream that was refused."""
        return self.connection.reply()

    def events(self):
        self.open()
        assert self.status == 200, f"{self.status}: {self.connection.buffer!r}"
        text = b""
        for chunk in self.connection.chunks():
            text += chunk
            while b"\n\n" in text:
                frame, text = text.split(b"\n\n", 1)
                number, data = None, []
                for line in frame.decode().split("\n"):
                    if line.startswith(":"):
                        self.comments += 1
                    elif line.startswith("id: "):
                        number = int(line[4:])
                    elif line.startswith("retry: "):
                        self.retry = int(line[7:])
                    elif line.startswith("data: "):
                        data.append(line[6:])
                if data:
                    assert len(data) == 1, "one data line an event"
                    yield Event(number, data[0])
        assert not text.strip(), f"half a frame at a clean end: {text!r}"

    def beats(self):
        """Nothing but heartbeats: yields at each one."""
        self.open()
        assert self.status == 200, self.status
        text = b""
        for chunk in self.connection.chunks():
            text += chunk
            while b": heartbeat\n\n" in text:
                text = text.split(b": heartbeat\n\n", 1)[1]
                yield

    def all(self):
        try:
            return list(self.events())
        finally:
            self.connection.close()

    def close(self):
        self.connection.close()


class Reader:
    """Follows one task over any number of cuts and restarts, as EventSource does, and keeps every numbered event."""

    def __init__(self, daemon, user="ann"):
        self.daemon, self.user = daemon, user
        self.task = None
        self.numbered = []     # Event, in order of arrival
        self.unnumbered = []
        self.finished = False
        self.connections = 0

    @property
    def last(self):
        return self.numbered[-1].number if self.numbered else None

    def take(self, event):
        if event.number is not None:
            self.numbered.append(event)
        else:
            self.unnumbered.append(event)
        if self.task is None and "task_id" in event.data:
            self.task = event.data["task_id"]
        if event.type == "done":
            self.finished = True

    def read(self, body=None, budget=None, until=None):
        """One connection; returns why it ended: "end", "cut", "until", "lost"."""
        self.connections += 1
        try:
            stream = self.daemon.stream(body=body if self.task is None else None, task=self.task, after=self.last, user=self.user, budget=budget)
        except (ConnectionError, OSError):
            return "lost"
        try:
            stream.open()
            if stream.status == 204:
                self.finished = True
                return "end"
            if stream.status == 503:
                return "lost"
            for event in stream.events():
                self.take(event)
                if until and until(event):
                    return "until"
            return "end"
        except Cut:
            return "cut"
        except (ConnectionError, OSError):
            return "lost"
        finally:
            stream.close()

    def read_to_end(self, body=None):
        wait_until("the end of the stream", lambda: self.read(body) and self.finished)
        return self

    def check_dense(self):
        numbers = [e.number for e in self.numbered]
        assert numbers == list(range(1, len(numbers) + 1)), f"not 1..n once: {numbers}"


PET = {"pet_type": "dog", "pet_breed": "柯基", "pet_age": 48, "pet_weight": 12.5, "neutered": True, "bcs": 5, "activity": "normal",
       "special_requirements": "不要洋葱"}


def new_key():
    return str(uuid.uuid4())


def seeded(name):
    """Randomness that a failed run can be repeated with."""
    seed = int(os.environ.get("PETFOOD_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"{name}: PETFOOD_TEST_SEED={seed}")
    return random.Random(seed)
