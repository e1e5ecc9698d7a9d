"""A daemon under attack beside clients that must not notice: what test_abuse.py and tools/bench/abuse.py share."""
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading

import harness
from attacks import Attack
from harness import Daemon, Reply, wait_until


class Secure(Daemon):
    """A daemon that speaks TLS and HTTP/2, with a certificate of the moment."""

    def start(self, **more):
        certificate, key = self.dir / "certificate.pem", self.dir / "key.pem"
        if not key.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                            "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        super().start(TLS_CERT_FILE=certificate, TLS_KEY_FILE=key, **more)

    def request(self, verb, path, body=None, user="ann", headers=None, raw=None, token=None):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=harness.DEADLINE_S, context=ssl._create_unverified_context())
        try:
            connection.request(verb, path, raw if raw is not None else json.dumps(body) if body is not None else None,
                               dict({"Content-Type": "application/json"} if body or raw else {}, **self.headers(user, token, headers)))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


class Ground:
    """The daemon, a task that emits an event every 50 ms for as long as it lives, and a large one that has ended."""

    def __init__(self, tls=False, rate=500, tcp=False, **settings):
        self.tls, self.rate, self.tcp = tls, rate, {}
        self.daemon = (Secure if tls else Daemon)(**dict({"PETFOOD_BENCH": "true", "LOG_LEVEL": "warning"}, **settings))
        run = self.daemon.dir / "data" / "run"
        self.ipc = {"rpc": str(run / "rpc.sock"), "events": str(run / "events.sock")}
        for name in ("rpc", "events") if tcp else ():
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.tcp[name] = free.getsockname()[1]
            self.daemon.settings[f"{name.upper()}_LISTEN"] = json.dumps([f"ipc://{self.ipc[name]}", f"tcp://127.0.0.1:{self.tcp[name]}"])

    def __enter__(self):
        daemon = self.daemon.__enter__()
        self.task = daemon.post("/api/v1/plans/", {"events": 1000000, "interval_ms": 50}).data["task_id"]
        self.large = daemon.post("/api/v1/plans/", {"events": 4000, "interval_ms": 0}).data["task_id"]
        wait_until("the large task", lambda: daemon.get(f"/api/v1/tasks/{self.large}").data["status"] == "completed")
        self.probe(1)  # connections, caches and arenas are there from now on
        return self

    def __exit__(self, *exc):
        self.daemon.__exit__(*exc)

    # ---- those who must not notice ----

    def start_probe(self, seconds=None, port=None, stream=True):
        # Beside the build's programs, wherever the bench or the test found them.
        program = harness.BUILD / "tools" / "bench" / "load" / "probe"
        arguments = [str(program), f"--port={port or self.daemon.port}", f"--token={self.daemon.token()}", f"--path=/api/v1/tasks/{self.large}",
                     f"--rate={self.rate}"]
        arguments += ["--tls"] if self.tls and not port else []
        arguments += [f"--seconds={seconds}"] if seconds else []
        arguments += [f"--task={self.task}"] if stream else []
        return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def end_probe(process):
        process.stdin.close()
        result = json.loads(process.stdout.read())
        process.stdout.close()
        process.wait(60)
        return result

    def probe(self, seconds, **kw):
        return self.end_probe(self.start_probe(seconds, **kw))

    # ---- what it costs ----

    def memory_bytes(self):
        for line in pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the daemon is gone")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sockets(self):
        """Open ones; files come and go with the store's readers."""
        count = 0
        for link in pathlib.Path(f"/proc/{self.daemon.process.pid}/fd").iterdir():
            try:
                count += os.readlink(link).startswith("socket:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    def metric(self, name):
        text = self.daemon.get("/metrics", user=None).body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((name + " ", name + "{")))

    def attack(self, name, **more):
        daemon = self.daemon
        target = {"port": daemon.port, "token": daemon.token(), "path": f"/api/v1/tasks/{self.large}", "task": self.large, "tls": self.tls,
                  "ipc": self.ipc, "tcp": self.tcp, "daemon": str(harness.BUILD / "petfoodd"), "environment": daemon.environment}
        return Attack(name, **dict(target, **more))

    def under(self, name, seconds, **more):
        """The probe's result while the attack goes on, the attack's, and how far memory grew meanwhile."""
        before = most = self.memory_bytes()
        over = threading.Event()

        def watch():
            nonlocal most
            while not over.wait(0.02):
                most = max(most, self.memory_bytes())
        watcher = threading.Thread(target=watch)
        attack = self.attack(name, **more)
        watcher.start()
        try:
            # Also while the attack builds up somebody looks on.
            first = self.start_probe()
            attack.wait_ready()
            early = self.end_probe(first)
            probe = self.probe(seconds)
        finally:
            over.set()
            watcher.join()
            result = attack.stop()
        probe["early"] = early
        return probe, result, most - before
