"""The guards at the door: rate limits, who a request is from, origins, hosts, sizes, verbs, headers, and the line in the log."""
import hashlib
import re
import resource
import socket
import sqlite3
import tempfile
import threading
import unittest

import harness
from harness import DEADLINE_S, PET, Connection, Daemon, Stream, wait_until
from test_bridge import certificate, curl

ORIGIN = "http://localhost:3000"
TASKS = "/api/v1/tasks/"
UNLIMITED = ("/health", "/health/detail", "/healthz", "/readyz", "/metrics", "/docs", "/redoc", "/openapi.json")


def raw(daemon, head, body=b""):
    """A request as these lines, nothing added but Connection: close."""
    connection = Connection(daemon.port)
    try:
        connection.socket.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body)
        return connection.reply()
    finally:
        connection.close()


def members(field):
    """A structured field of strings with integer parameters: {name: {parameter: number}} (RFC 9651, a list of items)."""
    found = {}
    for item in field.split(", "):
        match = re.fullmatch(r'"([a-z]+)"((?:;[a-z]=\d+)+)', item)
        assert match, f"not a structured field: {field!r}"
        found[match.group(1)] = {pair[0]: int(pair[2:]) for pair in match.group(2)[1:].split(";")}
    return found


def standing(answer, name="default"):
    """(quota, window, left, seconds) as the answer tells."""
    policy, state = members(answer.headers["ratelimit-policy"]), members(answer.headers["ratelimit"])
    assert set(policy) == set(state), answer.headers
    return policy[name]["q"], policy[name]["w"], state[name]["r"], state[name]["t"]


class Limits(unittest.TestCase):
    def limited(self, answer, limit, window, name="default"):
        """Is the 429 of that limit, whole; gives its Retry-After."""
        self.assertEqual(answer.status, 429, answer)
        retry_after = int(answer.headers["retry-after"])
        self.assertEqual(answer.json, {"code": 429, "message": "请求过于频繁，请稍后再试", "detail": {"limit": limit, "window": window, "retry_after": retry_after}})
        self.assertTrue(1 <= retry_after <= window)
        self.assertEqual(standing(answer, name), (limit, window, 0, retry_after))
        return retry_after

    def test_L01_L05_headers_come_true(self):
        with Daemon(movable_clock=True, RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=60) as daemon:
            for left in (4, 3, 2, 1, 0):
                answer = daemon.get(TASKS, headers={"Origin": ORIGIN})
                self.assertEqual(answer.status, 200)
                quota, window, said, seconds = standing(answer)
                self.assertEqual((quota, window, said), (5, 60, left))
                self.assertTrue(1 <= seconds <= 60)
            retry_after = self.limited(daemon.get(TASKS, headers={"Origin": ORIGIN}), 5, 60)
            english = daemon.get(TASKS, headers={"Accept-Language": "en"})
            self.assertEqual((english.status, english.json["message"]), (429, "too many requests, please try again later"))
            daemon.clock_jump(30)
            later = self.limited(daemon.get(TASKS), 5, 60)
            self.assertTrue(later <= retry_after - 30, (later, retry_after))
            daemon.clock_jump(later)  # as it was told, and not a second more
            self.assertEqual(daemon.get(TASKS).status, 200)
            # Set back, the clock opens nothing, and locks nobody out. (Tokens are of the future then, which costs the same.)
            self.assertEqual([daemon.get(TASKS).status for _ in range(4)], [200] * 4)
            daemon.clock_jump(-7200)
            self.assertEqual(daemon.get(TASKS).status, 429)
            daemon.clock_jump(60)
            self.assertEqual([daemon.get(TASKS).status for _ in range(6)], [401] * 5 + [429])

    def test_L02_no_double_burst(self):
        """Greedy at instants that fall on every part of the window: never more than the limit within any one."""
        with Daemon(movable_clock=True, RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=60) as daemon:
            admitted = []
            for step in range(20):
                for _ in range(3):
                    before = daemon.now_s()
                    status = daemon.get(TASKS).status
                    self.assertIn(status, (200, 429))
                    if status == 200:
                        admitted.append((before, daemon.now_s()))
                daemon.clock_jump(59.5 if step % 5 == 0 else 13)
            for first, sixth in zip(admitted, admitted[5:]):
                self.assertGreaterEqual(sixth[1] - first[0], 60)
            self.assertGreater(len(admitted), 20)

    def crowd(self, daemon, count, headers, path=TASKS):
        """So many requests at once, each on a connection of its own: how they were answered."""
        connections = []
        for number in range(count):
            connections.append(Connection(daemon.port))
            connections[-1].socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode())
        heads = [("".join(f"{k}: {v}\r\n" for k, v in headers(number).items()) + "\r\n").encode() for number in range(count)]
        # All of them are complete but for their last bytes: these go out as fast as two threads can write.
        threads = [threading.Thread(target=lambda part=part: [c.socket.sendall(h) for c, h in list(zip(connections, heads))[part::2]]) for part in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        answers = []
        for connection in connections:
            answers.append(connection.reply())
            connection.close()
        return answers

    def test_L03_a_thousand_at_once(self):
        """As many as the limit allows, whether an address asks or a user from many."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        count = 300 if harness.SHORT else 1000
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=100, RATE_LIMIT_SECONDS=86400, TRUSTED_PROXIES='["127.0.0.1"]', API_WORKERS=2,
                    API_MAX_IN_FLIGHT=4096, RPC_QUEUE=4096) as daemon:
            tokens = [daemon.token(f"user{n}") for n in range(4)]
            one_address = self.crowd(daemon, count, lambda n: {"X-Forwarded-For": "198.51.100.1", "Authorization": f"Bearer {tokens[n % 4]}"})
            self.assertEqual(sum(a.status == 200 for a in one_address), 100)
            self.assertEqual(sum(a.status == 429 for a in one_address), count - 100)
            one_user = self.crowd(daemon, count, lambda n: {"X-Forwarded-For": f"203.0.113.{n % 250}", "Authorization": f"Bearer {daemon.token('one')}"})
            self.assertEqual(sum(a.status == 200 for a in one_user), 100)
            self.assertEqual(sum(a.status == 429 for a in one_user), count - 100)
            # Nobody is asked for this path, so that only the address counts: no two were told the same.
            for path, status in (("/nothing", 404), (TASKS, 401)):
                strangers = self.crowd(daemon, 300, lambda n: {"X-Forwarded-For": f"192.0.2.{status % 256}"}, path)
                self.assertEqual(sorted(standing(a)[2] for a in strangers if a.status == status), list(range(100)))

    def test_L04_limits_while_the_store_is_down(self):
        """Limits are kept in memory, which cannot be down: they neither open nor close when the database does not answer. Reads go on."""
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=8, RATE_LIMIT_SECONDS=86400, PETFOOD_BENCH="true") as daemon:
            task = daemon.post("/api/v1/plans/", {"events": 1}).data["task_id"]
            wait_until("the task's end", lambda: "event=task.ended" in daemon.log())
            blocker = sqlite3.connect(daemon.dir / "data" / "petfood.db", isolation_level=None)
            blocker.execute("begin immediate")
            try:
                refused = daemon.post("/api/v1/plans/", {"events": 1})
                self.assertEqual(refused.status, 503, refused)
                self.assertEqual(standing(refused)[2], 6)
                for left in (5, 4, 3, 2, 1, 0):
                    answer = daemon.get(f"/api/v1/tasks/{task}")
                    self.assertEqual((answer.status, standing(answer)[2]), (200, left))
                self.limited(daemon.get(TASKS), 8, 86400)
            finally:
                blocker.execute("rollback")
                blocker.close()
            self.limited(daemon.post("/api/v1/plans/", {"events": 1}), 8, 86400)

    def test_unlimited_paths(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=3, RATE_LIMIT_SECONDS=86400) as daemon:
            for _ in range(3):  # what nobody is asked for counts too
                self.assertEqual(daemon.get("/nothing", user=None).status, 404)
            preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
            for verb, path, headers in (("GET", TASKS, {}), ("GET", "/nothing", {}), ("PUT", "/health/nothing", {}), ("PATCH", TASKS, {}), ("GET", "/", {}),
                                        ("OPTIONS", TASKS, preflight)):
                self.limited(daemon.request(verb, path, user=None, headers=headers), 3, 86400)
            for path in UNLIMITED:
                for _ in range(5):
                    answer = daemon.get(path, user=None)
                    self.assertEqual(answer.status, 200, path)
                self.assertNotIn("ratelimit", answer.headers, path)
        with Daemon() as daemon:
            self.assertNotIn("ratelimit", daemon.get(TASKS).headers, "RATE_LIMIT_ENABLED=false")
            self.assertNotIn("ratelimit-policy", daemon.get("/nothing").headers)

    def test_guessing_tokens_costs(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=86400) as daemon:
            answers = [daemon.get(TASKS, token=f"guess.{n}.x") for n in range(7)]
            self.assertEqual([a.status for a in answers], [401] * 5 + [429] * 2)
            self.assertEqual([standing(a)[2] for a in answers], [4, 3, 2, 1, 0, 0, 0])

    def test_plans_have_a_limit_of_their_own(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=100, RATE_LIMIT_PLAN_TIMES=3, RATE_LIMIT_PLAN_SECONDS=600, TRUSTED_PROXIES='["127.0.0.1"]',
                    PETFOOD_BENCH="true") as daemon:
            def create(address, user="ann", path="/api/v1/plans/"):
                return daemon.post(path, {"events": 1}, user=user, headers={"X-Forwarded-For": address})

            def default_left():
                return standing(daemon.get(TASKS, user="ann", headers={"X-Forwarded-For": "192.0.2.1"}))[2]

            answers = [create("192.0.2.1") for _ in range(3)]
            self.assertEqual([(a.status, standing(a, "plan")[2]) for a in answers], [(200, 2), (200, 1), (200, 0)])
            self.assertEqual(standing(answers[0], "plan")[:2], (3, 600))
            self.assertEqual(members(daemon.get(TASKS, headers={"X-Forwarded-For": "192.0.2.1"}).headers["ratelimit"]).keys(), {"default"})
            before = default_left()
            for _ in range(20):
                self.limited(create("192.0.2.1"), 3, 600, "plan")
            stream = daemon.post("/api/v1/plans/stream", {"events": 1}, headers={"X-Forwarded-For": "192.0.2.1"})
            self.limited(stream, 3, 600, "plan")
            self.assertEqual(default_left(), before - 1, "what the stricter limit refused has used up nothing else")
            self.limited(create("192.0.2.1", user="bob"), 3, 600, "plan")      # the address
            self.limited(create("192.0.2.2", user="ann"), 3, 600, "plan")      # the user
            self.assertEqual(create("192.0.2.2", user="bob").status, 200)
            self.assertEqual(daemon.get(TASKS, user="ann").data["total"], 3, "refused calls started nothing")
            stream = Stream(daemon.port)
            stream.connection.send("POST", "/api/v1/plans/stream", {"events": 1}, daemon.headers("eve", None, {"X-Forwarded-For": "192.0.2.9"}))
            status, headers = stream.connection.head()
            stream.close()
            self.assertEqual((status, members(headers["ratelimit"])["plan"]["r"]), (200, 2), "streams tell too")

    def test_A18_A19_passwords_have_a_limit_of_their_own(self):
        """Guesses from one address end, whatever names they try; others, and the same person elsewhere, sign in as ever."""
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_LOGIN_TIMES=3, RATE_LIMIT_LOGIN_SECONDS=600, TRUSTED_PROXIES='["127.0.0.1"]') as daemon:
            def ask(verb, path, body, address, token=None):
                return daemon.request(verb, f"/api/v1/auth/{path}", body, user=None, token=token, headers={"X-Forwarded-For": address})

            names = ("mia", "noa", "ida", "eva")
            people = {name: ask("POST", "register", {"username": name, "email": f"{name}@example.com", "password": "right-" + name}, "203.0.113.7").data
                      for name in names}
            for name in names[:3]:
                self.assertEqual(ask("POST", "login", {"username": name, "password": "guess"}, "198.51.100.1").status, 401)
            right = {"username": "mia", "password": "right-mia"}
            self.limited(ask("POST", "login", right, "198.51.100.1"), 3, 600, "login")
            self.limited(ask("POST", "login", {"username": "eva", "password": "guess"}, "198.51.100.1"), 3, 600, "login")
            self.assertEqual(ask("POST", "login", right, "198.51.100.2").status, 200)
            token = people["mia"]["tokens"]["access_token"]
            self.assertEqual(ask("GET", "me", None, "198.51.100.1", token).status, 200, "all else goes on")
            # A password that must be shown for another purpose is guessed as well: counted for the user, wherever they are.
            change = {"old_password": "guess", "new_password": "another-one"}
            answers = [ask("PUT", "password", change, f"198.51.100.{n}", token) for n in range(10, 15)]
            self.assertEqual([a.status for a in answers], [422] * 3 + [429] * 2)
            self.limited(answers[-1], 3, 600, "login")

    def test_codes_have_a_limit_of_their_own(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_CODE_TIMES=4, RATE_LIMIT_CODE_SECONDS=600, TRUSTED_PROXIES='["127.0.0.1"]') as daemon:
            def ask(path, address="198.51.100.1", **body):
                return daemon.post(f"/api/v1/auth/{path}", body, user=None, headers={"X-Forwarded-For": address})

            self.assertEqual(ask("send-code", email="a@example.com", code_type="register").status, 200)
            self.assertEqual(ask("password/send-code", email="b@example.com").status, 200)
            self.assertEqual(ask("verify-code", email="a@example.com", code="000000", code_type="password_reset").status, 422)
            self.assertEqual(ask("password/reset", email="b@example.com", code="000000", new_password="another-one").status, 422)
            for path, body in (("send-code", {"email": "c@example.com", "code_type": "register"}), ("password/send-code", {"email": "c@example.com"}),
                               ("verify-code", {"email": "a@example.com", "code": "000000", "code_type": "register"}),
                               ("register", {"username": "zoe", "email": "z@example.com", "password": "a-password"}),
                               ("verify-register", {"username": "zoe", "email": "z@example.com", "password": "a-password", "code": "000000"}),
                               ("password/reset", {"email": "b@example.com", "code": "000000", "new_password": "another-one"})):
                self.limited(ask(path, **body), 4, 600, "code")
            self.assertEqual(ask("register", "198.51.100.2", username="zoe", email="z@example.com", password="a-password").status, 200)


class WhoAsks(unittest.TestCase):
    """Five calls of one client pass; whoever is another client has five of their own."""

    def ask(self, daemon, *forwarded):
        return raw(daemon, [f"GET {TASKS} HTTP/1.1", "Host: x", *[f"X-Forwarded-For: {value}" for value in forwarded]]).status

    def same(self, daemon, chains):
        """Whether all these count as one client that nobody has been yet."""
        for forwarded in chains[:5]:
            self.assertEqual(self.ask(daemon, *forwarded), 401, forwarded)
        for forwarded in chains:
            self.assertEqual(self.ask(daemon, *forwarded), 429, forwarded)

    def test_L06_A29_nobody_is_believed_by_default(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=86400) as daemon:
            self.same(daemon, [(f"198.51.100.{n}",) for n in range(10)])
            for header in ("X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP", "Client-Address"):
                value = "for=198.51.100.77" if header == "Forwarded" else "198.51.100.77"
                self.assertEqual(daemon.get(TASKS, user=None, headers={header: value}).status, 429, header)
            self.assertIn("client=127.0.0.1 ", daemon.log())
            self.assertNotIn("198.51.100", daemon.log())

    def test_L06_A29_rightmost_that_is_not_a_trusted_proxy(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=86400, TRUSTED_PROXIES='["127.0.0.1", "10.0.0.0/8"]') as daemon:
            self.same(daemon, [("198.51.100.7",), ("1.1.1.1, 198.51.100.7",), ("127.0.0.1,198.51.100.7",), ("1.1.1.2, 198.51.100.7, 10.1.2.3",),
                               ("1.1.1.3", "198.51.100.7"), ("1.1.1.4, 198.51.100.7", "10.3.2.1"), ("198.51.100.7:4711",), ("garbage, 198.51.100.7",),
                               ("::ffff:198.51.100.7",), ("203.0.113.1, 198.51.100.7 , 10.0.0.1 , 127.0.0.1",)])
            # What cannot be read ends the walk at the last hop that is known; nothing at all is the proxy itself.
            self.same(daemon, [("198.51.100.8, unknown",), ("",), ("198.51.100.9, ,",), ("x" * 5000,), (), ("198.51.100.10, 127.0.0.1.",)])
            self.same(daemon, [(f"198.51.100.{n}, 203.0.113.5",) for n in range(5)])

    def test_L07_IPv6_by_64(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=86400, TRUSTED_PROXIES='["127.0.0.1"]') as daemon:
            self.same(daemon, [(f"2001:db8:1:2::{n:x}",) for n in range(4)] + [("[2001:db8:1:2:ffff:ffff:ffff:ffff]:443",), ("2001:DB8:1:2:0:0:0:9",)])
            self.same(daemon, [("2001:db8:1:3::1",), ("2001:db8:1:3:8000::",), ("2001:db8:1:3::2",), ("2001:db8:1:3::3",), ("2001:db8:1:3::4",)])
            self.same(daemon, [(f"2001:db8:1:{n}::1, 2001:db8:9:9::{n}",) for n in range(6)])

    def test_L07_a_peer_over_IPv6(self):
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("no IPv6 here")
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=2, RATE_LIMIT_SECONDS=86400, API_HOST="::1") as daemon:
            statuses = []
            for _ in range(3):
                with socket.create_connection(("::1", daemon.port), DEADLINE_S) as line:
                    line.sendall(f"GET {TASKS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                    statuses.append(int(line.makefile("rb").readline().split()[1]))
            self.assertEqual(statuses, [401, 401, 429])


class Doors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=1000, TRUSTED_PROXIES='["127.0.0.1"]', MAX_REQUEST_SIZE=4096,
                            ALLOWED_HOSTS='["localhost", "127.0.0.1", "petfood.example", "*.pets.example"]', PETFOOD_BENCH="true").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def failures(self):
        """One of each kind: (status, answer), all asked for from an allowed origin."""
        head = {"Origin": ORIGIN}
        yield 400, raw(self.daemon, [f"GET {TASKS} HTTP/1.1", "Host: evil.example", f"Origin: {ORIGIN}"])
        yield 401, self.daemon.get(TASKS, user=None, headers=head)
        yield 404, self.daemon.get("/api/v1/nothing", headers=head)
        yield 404, self.daemon.get("/api/v1/plans/none", headers=head)
        yield 405, self.daemon.request("PATCH", TASKS, headers=head)
        yield 406, self.daemon.get(TASKS, headers={**head, "Accept": "image/png"})
        yield 413, self.daemon.post("/api/v1/plans/", headers=head, raw=b" " * 4097)
        yield 413, self.daemon.post("/api/v1/plans/", headers={**head, "Content-Length": "100000000"}, raw=b" " * 4097)
        yield 415, self.daemon.post("/api/v1/plans/", headers={**head, "Content-Type": "text/plain"}, raw=b"{}")
        yield 422, self.daemon.post("/api/v1/plans/", headers=head, raw=b"{")
        yield 431, raw(self.daemon, [f"GET {TASKS} HTTP/1.1", "Host: localhost", f"Origin: {ORIGIN}", "X-Long: " + "x" * 70000])
        address = {"X-Forwarded-For": "192.0.2.77"}
        for _ in range(20):
            self.daemon.post("/api/v1/plans/", {"events": 1}, user="eve", headers=address)
        yield 429, self.daemon.post("/api/v1/plans/", {"events": 1}, user="eve", headers={**head, **address})

    def test_A27_every_failure_in_one_form_and_readable_across_origins(self):
        seen = set()
        for status, answer in self.failures():
            seen.add(status)
            self.assertEqual(answer.status, status, answer)
            body = answer.json
            self.assertEqual(list(body), ["code", "message", "detail"])
            self.assertEqual(body["code"], status)
            self.assertTrue(isinstance(body["message"], str) and body["message"])
            self.assertEqual(answer.headers["content-type"], "application/json")
            self.assertEqual(answer.headers["cache-control"], "no-store")
            self.assertEqual(answer.headers["access-control-allow-origin"], ORIGIN, status)
            self.assertEqual(answer.headers["access-control-allow-credentials"], "true")
            exposed = set(answer.headers["access-control-expose-headers"].lower().split(", "))
            self.assertTrue({"retry-after", "ratelimit", "ratelimit-policy", "x-request-id", "allow"} <= exposed, exposed)
            self.assertTrue(answer.headers["x-request-id"])
        self.assertEqual(seen, {400, 401, 404, 405, 406, 413, 415, 422, 429, 431})

    def test_hosts(self):
        def status(host, version="1.1", path="/health"):
            return raw(self.daemon, [f"GET {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else [])]).status

        for host in ("petfood.example", "PETFOOD.example", "petfood.example:8000", "a.pets.example", "a.b.pets.example:1", "localhost", "127.0.0.1:80"):
            self.assertEqual(status(host), 200, host)
        for host in ("evil.example", "petfood.example.evil.example", "xpetfood.example", "pets.example.", "notpets.example", "petfood.example@evil.example", "",
                     "[::1]", "petfood.example:80:evil.example"):
            self.assertEqual(status(host), 400, host)
        self.assertEqual(status(None), 400)
        self.assertEqual(status("evil.example", path="/api/v1/nothing"), 400, "before anything else is looked at")
        refused = raw(self.daemon, ["GET / HTTP/1.1", "Host: evil.example"])
        self.assertEqual(refused.json, {"code": 400, "message": "无效的 Host", "detail": None})
        self.assertNotIn("evil.example", self.daemon.log())
        # The absolute form names the host as well.
        self.assertEqual(raw(self.daemon, ["GET http://evil.example/health HTTP/1.1", "Host: evil.example"]).status, 400)

    def test_sizes(self):
        for body, status in ((b'{"events": 1}' + b" " * (4096 - 13), 200), (b'{"events": 1}' + b" " * (4097 - 13), 413)):
            self.assertEqual(self.daemon.post("/api/v1/plans/", raw=body).status, status)
            chunked = [f"{len(body):x}".encode(), body, b"0", b"", b""]
            answer = raw(self.daemon, ["POST /api/v1/plans/ HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Transfer-Encoding: chunked",
                                       f"Authorization: Bearer {self.daemon.token('ann')}"], b"\r\n".join(chunked))
            self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.json, {"code": 413, "message": "请求体过大，上限 4096 字节", "detail": {"limit": 4096}})
        with Daemon() as daemon:  # JSON ends at 1 MiB, whatever MAX_REQUEST_SIZE allows to others
            for size, status in ((1 << 20, 422), ((1 << 20) + 1, 413), (9 << 20, 413)):
                self.assertEqual(daemon.post("/api/v1/plans/", raw=b"x" * size).status, status, size)

    def test_verbs(self):
        rows = (("PATCH", TASKS, "GET, HEAD, OPTIONS"), ("PUT", "/api/v1/plans", "GET, HEAD, POST, OPTIONS"), ("POST", "/health", "GET, HEAD, OPTIONS"),
                ("POST", "/api/v1/plans/x", "GET, HEAD, DELETE, OPTIONS"), ("GET", "/api/v1/auth/login", "POST, OPTIONS"), ("BREW", "/", "GET, HEAD, OPTIONS"))
        for verb, path, allow in rows:
            answer = self.daemon.request(verb, path)
            self.assertEqual((answer.status, answer.headers["allow"]), (405, allow), f"{verb} {path}")
            self.assertEqual(answer.json, {"code": 405, "message": "Method Not Allowed", "detail": None})
        self.assertEqual(self.daemon.get("/api/v1/none").json, {"code": 404, "message": "Not Found", "detail": None})

    def test_security_headers(self):
        with tempfile.TemporaryDirectory(prefix="petfood-tls-") as folder:
            cert, key = certificate(folder)
            with Daemon(TLS_CERT_FILE=cert, TLS_KEY_FILE=key, PETFOOD_BENCH="true") as daemon:
                head = {"Authorization": f"Bearer {daemon.token('ann')}", "Content-Type": "application/json"}
                for version in ("1.1", "2"):
                    for verb, path, more, body in (("GET", TASKS, {}, None), ("GET", "/", {"Accept": "text/html"}, None), ("GET", "/docs", {}, None),
                                                   ("GET", "/nothing", {}, None), ("GET", "/metrics", {}, None), ("OPTIONS", TASKS, {}, None),
                                                   ("POST", "/api/v1/plans/stream", {}, b'{"events": 1}')):
                        answer = curl(daemon, version, verb, path, {**head, **more}, body)
                        headers = dict(answer.headers)
                        self.assertEqual(headers["x-content-type-options"], "nosniff", path)
                        self.assertEqual(headers["x-frame-options"], "DENY", path)
                        self.assertEqual(headers["referrer-policy"], "no-referrer", path)
                        self.assertRegex(headers["content-security-policy"], r"^default-src 'none';.*frame-ancestors 'none'$", path)
                        self.assertEqual(len([n for n, _ in answer.headers if n == "content-security-policy"]), 1, path)
                        self.assertEqual(headers["strict-transport-security"], "max-age=31536000", path)
                        self.assertEqual(headers["server"], "petfood", "and no version")
                        self.assertNotIn("x-powered-by", headers)
                local = curl(daemon, "2", "GET", "/health", {"Host": "localhost"})
                self.assertNotIn("strict-transport-security", local.names, "or browsers ask every program on this machine for HTTPS")
        self.assertNotIn("strict-transport-security", self.daemon.get("/health").headers)

    def test_log_line(self):
        """Who asked for what, how it ended and how long it took; the user by a hash, as in every line."""
        whose = hashlib.sha256(self.daemon.user_id("log").encode()).hexdigest()[:12]
        rows = [("GET", TASKS, "log", "/api/v1/tasks", 200, whose), ("GET", "/api/v1/plans/some-plan", "log", "/api/v1/plans/{id}", 404, whose),
                ("GET", TASKS, None, "/api/v1/tasks", 401, ""), ("GET", "/nothing/at/all?secret=1", "log", "(none)", 404, ""),
                ("POST", "/api/v1/plans/stream", "log", "/api/v1/plans/stream", 200, whose)]
        for number, (verb, path, user, route, status, hashed) in enumerate(rows):
            request_id = f"guarded-{number}"
            self.assertEqual(self.daemon.request(verb, path, {"events": 1} if verb == "POST" else None, user=user,
                                                 headers={"X-Request-Id": request_id, "X-Forwarded-For": "192.0.2.50"}).status, status)
            line = wait_until("the line", lambda: re.search(rf"^.*event=http\.request.*request_id={request_id}$", self.daemon.log(), re.M)).group(0)
            fields = dict(re.findall(r'(\w+)=("[^"]*"|\S*)', line))
            self.assertEqual((fields["method"], fields["route"].strip('"'), fields["status"], fields["client"], fields["user"].strip('"')),
                             (verb, route, str(status), "192.0.2.50", hashed), line)
            self.assertGreaterEqual(float(fields["ms"]), 0)
        log = self.daemon.log()
        self.assertNotIn(self.daemon.user_id("log"), log)
        self.assertNotIn("some-plan", log, "paths have ids in them, and queries may have worse")
        self.assertNotIn("secret=1", log)
        calls = re.findall(r"event=rpc\.call.*user=(\w+)", log)
        self.assertIn(whose, calls, "the same hash in the lines of the other side")


class Origins(unittest.TestCase):
    def cors(self, answer):
        return {n.removeprefix("access-control-"): v for n, v in answer.headers.items() if n.startswith("access-control-")}

    def ask(self, daemon, origin, path=TASKS):
        return self.cors(daemon.get(path, headers={"Origin": origin}))

    def preflight(self, daemon, origin, method="POST", headers="authorization,content-type"):
        return daemon.request("OPTIONS", "/api/v1/plans/", user=None, headers={"Origin": origin, "Access-Control-Request-Method": method,
                                                                              "Access-Control-Request-Headers": headers})

    def test_A27_listed_origins(self):
        with Daemon() as daemon:
            for origin in (ORIGIN, "http://localhost:8080", "capacitor://localhost", "https://localhost", "http://localhost"):
                for path in (TASKS, "/health", "/nothing"):
                    found = self.ask(daemon, origin, path)
                    self.assertEqual((found["allow-origin"], found["allow-credentials"]), (origin, "true"))
                answer = self.preflight(daemon, origin)
                self.assertEqual(answer.status, 200)
                found = self.cors(answer)
                self.assertEqual((found["allow-origin"], found["allow-methods"], found["allow-headers"], found["max-age"]),
                                 (origin, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT", "authorization,content-type", "600"))
                self.assertIn("Origin", answer.headers["vary"])
            for origin in ("https://evil.example", "http://localhost:3001", "http://localhost:3000.evil.example", "null", "HTTP://LOCALHOST:3000", "*",
                           "http://localhost:3000/", ORIGIN + " https://evil.example"):
                self.assertEqual(self.ask(daemon, origin), {}, origin)
                self.assertEqual(self.cors(self.preflight(daemon, origin)), {}, origin)
            self.assertIn("Origin", daemon.get(TASKS).headers["vary"], "caches must know, also where nobody asked from elsewhere")
            with_code = self.preflight(daemon, ORIGIN, headers="x-a\x7f,y")
            self.assertNotIn("access-control-allow-headers", with_code.headers)

    def test_A27_a_wildcard_never_has_credentials(self):
        with Daemon(CORS_ORIGINS='["*", "https://app.example"]') as daemon:
            for origin in ("https://evil.example", "null", "*"):
                found = self.ask(daemon, origin)
                self.assertEqual(found["allow-origin"], "*")
                self.assertNotIn("allow-credentials", found)
                found = self.cors(self.preflight(daemon, origin))
                self.assertEqual((found["allow-origin"], "allow-credentials" in found), ("*", False))
            found = self.ask(daemon, "https://app.example")
            self.assertEqual((found["allow-origin"], found["allow-credentials"]), ("https://app.example", "true"))

    def test_configured_methods_headers_credentials(self):
        with Daemon(CORS_ORIGINS='["https://app.example"]', CORS_ALLOW_CREDENTIALS="false", CORS_ALLOW_METHODS='["GET", "POST"]',
                    CORS_ALLOW_HEADERS='["Authorization"]') as daemon:
            self.assertEqual(self.ask(daemon, ORIGIN), {})
            found = self.cors(self.preflight(daemon, "https://app.example"))
            self.assertEqual((found["allow-origin"], found["allow-methods"], found["allow-headers"]), ("https://app.example", "GET, POST", "Authorization"))
            self.assertNotIn("allow-credentials", found)


class Defaults(unittest.TestCase):
    def test_a_client_at_work_does_not_meet_the_limits(self):
        """The settings as they come: a plan is made, its stream cut and resumed over and over, and polled as the web page does."""
        with Daemon(RATE_LIMIT_ENABLED="true", PLANNER_PACE_MS=50) as daemon:
            self.assertEqual(standing(daemon.get(TASKS))[:2], (100, 60))
            reader = harness.Reader(daemon)
            self.assertEqual(reader.read(PET, until=lambda e: e.number == 2), "until")
            for _ in range(15):
                reader.read(until=lambda e: e.number and e.number % 3 == 0)
            reader.read_to_end()
            reader.check_dense()
            for _ in range(20):
                for path in ("/health", TASKS, f"/api/v1/tasks/{reader.task}"):
                    self.assertEqual(daemon.get(path).status, 200)
            self.assertNotIn("status=429", daemon.log())


if __name__ == "__main__":
    unittest.main()
