"""What of the bridge's named cases needs the real daemon: HTTP/2 as curl speaks it, the whole of openapi.json against the live routes,
readers that leave."""
import json
import pathlib
import re
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from harness import DEADLINE_S, PET, Connection, Daemon, wait_until

# Said anew for each answer, or a matter of the connection.
VOLATILE = {"date", "x-process-time", "traceparent", "connection"}
HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


def certificate(folder):
    cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return str(cert), str(key)


class Answer:
    def __init__(self, status, version, headers, body):
        self.status, self.version, self.headers, self.body = status, version, headers, body

    @property
    def names(self):
        return {name for name, _ in self.headers}

    def __repr__(self):
        return f"<HTTP/{self.version} {self.status} {self.body[:300]!r}>"


def curl(daemon, version, verb, path, headers=None, body=None, more=()):
    """One request through curl: version "1.1" or "2"."""
    with tempfile.TemporaryDirectory(prefix="petfood-curl-") as folder:
        head, content = pathlib.Path(folder) / "head", pathlib.Path(folder) / "body"
        command = ["curl", "--silent", "--insecure", "--max-time", str(int(DEADLINE_S)), f"--http{version}", "--request", verb, "--dump-header", str(head),
                   "--output", str(content), "--write-out", "%{http_code} %{http_version}", *more]
        if verb == "HEAD":
            command.append("--head")
        for name, value in (headers or {}).items():
            command += ["--header", f"{name}: {value}"]
        if body is not None:
            command += ["--data-binary", "@-"]
        done = subprocess.run([*command, f"https://127.0.0.1:{daemon.port}{path}"], input=body, capture_output=True, timeout=DEADLINE_S + 10)
        assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr[-500:]!r}"
        status, spoken = done.stdout.decode().split()
        assert spoken == version, f"{spoken} instead of {version}"
        # The last head: a 100 may stand before it.
        lines = head.read_bytes().decode("latin-1").strip().split("\r\n\r\n")[-1].split("\r\n")[1:]
        pairs = [(name.strip().lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines)]
        # With --head curl prints the head once more where the body would be.
        return Answer(int(status), spoken, pairs, content.read_bytes() if content.exists() and verb != "HEAD" else b"")


class OverTLS(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="petfood-tls-")
        cert, key = certificate(cls.folder.name)
        cls.daemon = Daemon(TLS_CERT_FILE=cert, TLS_KEY_FILE=key, PETFOOD_BENCH=1).__enter__()
        cls.token = cls.daemon.token("ann")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)
        cls.folder.cleanup()

    def headers(self, **more):
        return {"Authorization": f"Bearer {self.token}", "X-Request-Id": "the-same", "Content-Type": "application/json", **more}

    def test_B29_same_bytes(self):
        """A request by HTTP/1.1 with a length, chunked, and by HTTP/2: the same status, headers and bytes."""
        created = curl(self.daemon, "2", "POST", "/api/v1/plans", self.headers(), json.dumps(PET).encode())
        self.assertEqual(created.status, 200, created)
        task = json.loads(created.body)["data"]["task_id"]
        wait_until("the plan", lambda: b'"completed"' in curl(self.daemon, "2", "GET", f"/api/v1/tasks/{task}", self.headers()).body)
        plan = json.loads(curl(self.daemon, "2", "GET", "/api/v1/plans/", self.headers()).body)["data"]["items"][0]["id"]
        rows = [
            ("GET", "/health", None, 200), ("HEAD", "/health", None, 200), ("GET", "/openapi.json", None, 200), ("GET", "/nothing", None, 404),
            ("OPTIONS", "/api/v1/plans", None, 200), ("PUT", "/api/v1/plans", b"{}", 405), ("GET", f"/api/v1/plans/{plan}", None, 200),
            ("HEAD", f"/api/v1/plans/{plan}", None, 200), ("GET", f"/api/v1/tasks/{task}/events?limit=5", None, 200),
            ("GET", f"/api/v1/tasks/{task}/result", None, 200), ("GET", "/api/v1/plans?page=x", None, 422), ("POST", "/api/v1/plans", b'{"pet_age":"x"}', 422),
            ("POST", "/api/v1/plans", b"[" * 5000, 422), ("POST", "/api/v1/plans", b" " * ((1 << 20) + 1), 413), ("GET", "/api/v1/plans/none", None, 404),
            ("POST", "/api/v1/plans", b'{"pet_id":"none"}', 404), ("DELETE", f"/api/v1/tasks/{task}", None, 409),
            ("POST", f"/api/v1/plans/{plan}/confirm", None, 200), ("POST", f"/api/v1/plans/{plan}/confirm", b"", 200),
            ("GET", f"/api/v1/plans/stream?task_id={task}", None, 200),
        ]
        for verb, path, body, want in rows:
            for encoding in ("identity", "gzip"):
                head = self.headers(**{"Accept-Encoding": encoding})
                ways = [curl(self.daemon, "1.1", verb, path, head, body), curl(self.daemon, "2", verb, path, head, body)]
                if body is not None:
                    ways.append(curl(self.daemon, "1.1", verb, path, {**head, "Transfer-Encoding": "chunked"}, body))
                for answer in ways:
                    text = re.sub(rb"^retry: \d+\n", b"", answer.body)  # drawn by lot
                    first = re.sub(rb"^retry: \d+\n", b"", ways[0].body)
                    self.assertEqual(answer.status, want, f"{verb} {path} {answer}")
                    self.assertEqual(text, first, f"{verb} {path}")
                    kept = [sorted((n, v) for n, v in one.headers if n not in VOLATILE and n != "transfer-encoding") for one in (answer, ways[0])]
                    self.assertEqual(kept[0], kept[1], f"{verb} {path}")

    def test_B30_hop_by_hop_headers(self):
        """None leaves over HTTP/2, and none of a request has an effect behind the bridge."""
        for path in ("/health", "/nothing", "/api/v1/tasks/"):
            answer = curl(self.daemon, "2", "GET", path, self.headers())
            self.assertFalse(answer.names & HOP_BY_HOP, answer.headers)
        hop = {"Connection": "Upgrade, Authorization", "Upgrade": "h2c, websocket", "Keep-Alive": "timeout=1", "TE": "trailers", "Proxy-Authorization": "Basic eA=="}
        answer = curl(self.daemon, "1.1", "GET", "/api/v1/tasks/", self.headers(**hop))
        self.assertEqual(answer.status, 200, "no 101, and the token still counts")
        self.assertFalse(answer.names & (HOP_BY_HOP - {"connection"}), answer.headers)
        stream = curl(self.daemon, "2", "POST", "/api/v1/plans/stream", self.headers(), json.dumps(PET).encode())
        self.assertFalse(stream.names & HOP_BY_HOP, stream.headers)
        self.assertIn(b'"type":"done"', stream.body.replace(b" ", b""))

    def test_B33_one_form_of_error(self):
        """Flat {code, message, detail}, whatever Accept asks for."""
        for accept in ("*/*", "application/problem+json, */*;q=0.1", "application/json"):
            for verb, path, body, status in (("GET", "/api/v1/plans/none", None, 404), ("GET", "/nothing", None, 404), ("POST", "/api/v1/plans", b"{", 422),
                                             ("PATCH", "/health", b"{}", 405)):
                answer = curl(self.daemon, "2", verb, path, self.headers(Accept=accept), body)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(list(json.loads(answer.body)), ["code", "message", "detail"])
                self.assertIn(("content-type", "application/json"), answer.headers)

    def test_B39_readers_that_leave(self):
        """A reader's stream is given up when its connection goes, over either version."""
        def streams():
            metrics = curl(self.daemon, "2", "GET", "/metrics").body.decode()
            return int(re.search(r"^petfood_http_streams (\d+)$", metrics, re.M).group(1))

        # One event a minute: nothing but the reader's going ends the stream, and nothing is written meanwhile.
        body = json.dumps({"events": 3, "interval_ms": 60000})
        for version in ("1.1", "2"):
            wait_until("no open stream", lambda: streams() == 0)
            reader = subprocess.Popen(["curl", "--silent", "--insecure", "--no-buffer", f"--http{version}", "--data-binary", body,
                                       *[x for n, v in self.headers().items() for x in ("--header", f"{n}: {v}")],
                                       f"https://127.0.0.1:{self.daemon.port}/api/v1/plans/stream"], stdout=subprocess.PIPE)
            line = b""
            while b"task_created" not in line:  # the first bytes come at once (B35)
                line = reader.stdout.readline()
                self.assertTrue(line, "the stream ended")
            task = json.loads(line[len(b"data: "):])["task_id"]
            wait_until("the stream to be counted", lambda: streams() == 1)
            reader.kill()
            reader.wait()
            reader.stdout.close()
            gone = time.monotonic()
            wait_until("the stream to be given up", lambda: streams() == 0)
            print(f"        HTTP/{version}: given up after {(time.monotonic() - gone) * 1000:.0f} ms")
            # Leaving is not cancelling.
            state = json.loads(curl(self.daemon, "2", "GET", f"/api/v1/tasks/{task}", self.headers()).body)["data"]["status"]
            self.assertIn(state, ("pending", "running"))
            self.assertEqual(curl(self.daemon, "2", "DELETE", f"/api/v1/tasks/{task}", self.headers()).status, 200)


class OpenApi(unittest.TestCase):
    """B38: what openapi.json shows is what the routes take."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()
        cls.document = cls.daemon.get("/openapi.json", user=None).json

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def operations(self):
        for path, item in self.document["paths"].items():
            for verb, operation in item.items():
                yield verb.upper(), path, operation

    def test_B38_examples_are_taken(self):
        """By form: what an account's example asks for may be refused by the state of things (a code that nobody sent), never as malformed."""
        self.daemon.token("ann")
        self.daemon.cli("user", "promote", "ann")
        # Those of accounts come last: they end sessions, and the account itself.
        for verb, path, operation in sorted(self.operations(), key=lambda o: "/auth/" in o[1]):
            parameters = operation.get("parameters", [])
            query = [(p["name"], json.dumps(value) if isinstance(value, bool) else value) for p in parameters if p["in"] == "query"
                     for value in (p["example"] if isinstance(p["example"], list) else [p["example"]])]
            target = re.sub(r"\{(\w+)\}", lambda m: next(p["example"] for p in parameters if p["name"] == m.group(1)), path)
            if query:
                target += "?" + urllib.parse.urlencode(query)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            connection = Connection(self.daemon.port)
            connection.send(verb, target, body, self.daemon.headers("ann"))
            status, headers = connection.head()
            if "/auth/" in path and "content-length" in headers:
                answer = json.loads(connection.take(int(headers["content-length"])))
                connection.close()
                self.assertIn(status, (200, 401, 404, 409, 422, 429), f"{verb} {target} {answer}")
                self.assertNotIsInstance(answer.get("detail"), list, f"{verb} {target} {answer}")
                continue
            connection.close()
            # 404: the example's ids are of nothing here.
            self.assertIn(status, (200, 404), f"{verb} {target}")
            if status == 200:
                media = headers["content-type"].split(";")[0]
                self.assertIn(media, operation["responses"]["200"]["content"], f"{verb} {target}")

    def test_B38_every_operation_exists(self):
        for verb, path, _ in self.operations():
            answer = self.daemon.request("OPTIONS", re.sub(r"\{\w+\}", "x", path), user=None)
            self.assertIn(verb, answer.headers["allow"].split(", "), path)

    def test_B38_needs_a_token_where_it_says_so(self):
        for verb, path, operation in self.operations():
            if path == "/readyz":
                continue
            answer = self.daemon.request(verb, re.sub(r"\{\w+\}", "x", path), user=None)
            self.assertEqual(answer.status == 401, bool(operation["security"]), f"{verb} {path} {answer}")


if __name__ == "__main__":
    unittest.main()
