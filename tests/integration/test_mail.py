"""Mail against a real SMTP server (smtp_sink.py) that asks for STARTTLS and a login: mail_probe is the queue, its store and the SMTP driver in a
process of their own."""
import base64
import email
import email.policy
import email.utils
import json
import pathlib
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "the mail password 7f3a"
CODE = "049213"


def b64(text):
    return base64.b64encode(text.encode()).decode() or "-"


class Lines:
    """The lines of a process as they come, from a thread of its own; find() waits for one."""

    def __init__(self, stream):
        self.lines = []
        self.fresh = queue.Queue()
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    def find(self, what, wanted, count=1):
        def look():
            found = [line for line in list(self.lines) if wanted(line)]
            return found if len(found) >= count else None
        return harness.wait_until(what, look)[count - 1]


class Process:
    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self):
        """Closes stdin and waits; the exit code."""
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        code = self.process.wait(timeout=harness.DEADLINE_S)
        for lines, stream in ((self.out, self.process.stdout), (self.err, self.process.stderr)):
            lines.thread.join(harness.DEADLINE_S)
            stream.close()
        return code


class Sink(Process):
    def __init__(self, folder, *arguments):
        super().__init__("/usr/bin/python3", HERE / "smtp_sink.py", "--dir", folder, *arguments)
        self.port = json.loads(self.out.find("the SMTP server", lambda line: "listening" in line or self.process.poll() is not None))["port"]

    def events(self, name):
        return [event for event in map(json.loads, list(self.out.lines)) if event["event"] == name]

    def event(self, name, count=1):
        return harness.wait_until(f"{name} at the SMTP server", lambda: self.events(name)[count - 1:] or None)[0]


class MailTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="petfood-mail-"))
        self.box = self.dir / "box"
        self.box.mkdir()
        self.running = []
        self.port = 0

    def tearDown(self):
        logs = []
        for process in self.running:
            process.kill()
            logs += process.err.lines if isinstance(process, Probe) else []
        # A08: no code, password or address of anybody in any log.
        for secret in (CODE, PASSWORD, b64(PASSWORD), "ann@example.com"):
            self.assertNotIn(secret, "\n".join(logs))
        shutil.rmtree(self.dir, ignore_errors=True)

    def certificate(self, name="server", host="IP:127.0.0.1"):
        """Signed by itself: whoever is to trust it names it as an authority."""
        key, cert = self.dir / f"{name}.key", self.dir / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=sink", "-addext", f"subjectAltName={host}", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
        return cert, key

    def sink(self, tls="starttls", login=True, cert=None, **more):
        cert, key = cert or ((self.certificate()) if tls != "none" else (None, None))
        arguments = ["--tls", tls, "--port", str(more.pop("port", 0))]
        arguments += ["--cert", cert, "--key", key] if cert else []
        arguments += ["--user", "petfood@example.org", "--password", PASSWORD] if login else []
        for name, value in more.items():
            arguments += [f"--{name}", value]
        sink = Sink(self.box, *arguments)
        self.running.append(sink)
        return sink

    def probe(self, port, ca=None, tls=True, password=PASSWORD, user="petfood@example.org", backoff=(20, 100), host="127.0.0.1"):
        probe = Probe(harness.BUILD / "tests" / "integration" / "mail_probe", self.dir / "store.db", host, port, int(tls), ca or "", user, password,
                      "petfood@example.org", *backoff)
        self.running.append(probe)
        probe.out.find("the probe", lambda line: line == "ready")
        return probe

    def mails(self):
        return sorted(self.box.glob("*.eml"))

    def mail(self, count=1):
        path = harness.wait_until(f"mail {count}", lambda: self.mails()[count - 1:] or None)[0]
        note = harness.wait_until("its envelope", lambda: path.with_suffix(".json").exists() and path.with_suffix(".json"))
        return path.read_bytes(), json.loads(note.read_text())


class Probe(Process):
    def code(self, to, lang="zh", purpose="register", code=CODE, life_ms=600000, reference="ref"):
        self.say(f"code {to} {lang} {purpose} {code} {life_ms} {reference}")
        self.out.find("the queue's answer", lambda line: line == f"queued {reference}")

    def raw(self, to, from_name="n", subject="s", text="t\n", html="h\n", life_ms=600000, reference="raw"):
        self.say(f"raw {to} {life_ms} {reference} {b64(from_name)} {b64(subject)} {b64(text)} {b64(html)}")

    def log(self, event, *parts, count=1):
        return self.err.find(f"{event} in the log", lambda line: f"event={event}" in line and all(p in line for p in parts), count)


class Delivery(MailTest):
    def check(self, raw, note, lang, purpose):
        self.assertEqual(note["from"], "petfood@example.org")
        self.assertEqual(note["to"], ["ann@example.com"])
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual(mail.defects, [])
        self.assertEqual([name for name, _ in mail.items()],
                         ["Date", "From", "To", "Message-ID", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"])
        self.assertEqual(mail["To"], "ann@example.com")
        name, address = email.utils.parseaddr(str(mail["From"]))
        self.assertEqual((name, address), ("宠物饮食计划智能助手" if lang == "zh" else "Pet Food Diet Plan Assistant", "petfood@example.org"))
        subject = {("zh", "register"): "【宠物饮食计划智能助手】您的注册验证码", ("zh", "password_reset"): "【宠物饮食计划智能助手】密码重置验证码",
                   ("en", "register"): "Your registration code for the Pet Food Diet Plan Assistant",
                   ("en", "password_reset"): "Your password reset code for the Pet Food Diet Plan Assistant"}[lang, purpose]
        self.assertEqual(mail["Subject"], subject)
        head = raw.split(b"\r\n\r\n")[0]
        self.assertNotIn(CODE.encode(), head)
        self.assertLess(abs(email.utils.parsedate_to_datetime(mail["Date"]).timestamp() - time.time()), 300)
        self.assertRegex(mail["Message-ID"], r"^<[0-9a-f-]{36}@example\.org>$")
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        self.assertEqual([part.get_content_type() for part in mail.iter_parts()], ["text/plain", "text/html"])
        for part in mail.iter_parts():
            self.assertEqual(part.defects, [])
            self.assertIn(CODE, part.get_content())
            self.assertIn("10 分钟" if lang == "zh" else "10 minutes", part.get_content())
        for line in raw.split(b"\r\n"):
            self.assertLessEqual(len(line), 78)
            self.assertTrue(all(32 <= c < 127 for c in line), line)

    def test_starttls_and_login(self):
        cert = self.certificate()
        sink = self.sink(cert=cert)
        probe = self.probe(sink.port, ca=cert[0])
        count = 0
        for lang in ("zh", "en"):
            for purpose in ("register", "password_reset"):
                count += 1
                probe.code("ann@example.com", lang, purpose, reference=f"r{count}")
                raw, note = self.mail(count)
                self.assertTrue(note["tls"])
                self.assertTrue(note["login"])
                self.check(raw, note, lang, purpose)
                probe.log("mail.sent", f"about=r{count}")
        self.assertTrue(all(event["ok"] for event in sink.events("login")))
        self.assertEqual(probe.end(), 0)
        self.assertEqual(len(self.mails()), count)
        self.assertFalse([line for line in probe.out.lines if line.startswith("failed")])

    def test_implicit_tls_is_chosen_by_port_only(self):
        """Port 465 means TLS from the first byte, whatever SMTP_USE_TLS says. It is a fixed number, so this test needs it free."""
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", 465))
            except OSError as error:
                self.skipTest(f"port 465: {error}")
        cert = self.certificate()
        sink = self.sink(tls="implicit", cert=cert, port=465)
        probe = self.probe(465, ca=cert[0], tls=False)
        probe.code("ann@example.com")
        raw, note = self.mail()
        self.assertTrue(note["tls"] and note["login"])
        self.check(raw, note, "zh", "register")
        self.assertTrue(sink.events("connect")[0]["tls"])

    def test_plain_on_this_machine(self):
        sink = self.sink(tls="none", login=False)
        probe = self.probe(sink.port, tls=False, user="", password="")
        probe.code("ann@example.com", "en", "password_reset")
        raw, note = self.mail()
        self.assertFalse(note["tls"] or note["login"])
        self.check(raw, note, "en", "password_reset")

    def test_A28_injection(self):
        """What came in as data stays data: in the header, in the dialogue with the server, in the body."""
        cert = self.certificate()
        sink = self.sink(cert=cert)
        probe = self.probe(sink.port, ca=cert[0])
        evil = ["Hello\r\nBcc: eve@example.com", "Hello\n\nbody", "x\rBcc: eve@example.com", "\r\n.\r\nMAIL FROM:<eve@example.com>"]
        for number, text in enumerate(evil, 1):
            probe.raw("ann@example.com", from_name=text, subject=text, text="a\n.\nb\n..\n.c\n" + text, html="<p>.\n" + text, reference=f"e{number}")
            raw, note = self.mail(number)
            self.assertEqual(note["to"], ["ann@example.com"])
            mail = email.message_from_bytes(raw, policy=email.policy.default)
            self.assertEqual([name for name, _ in mail.items()],
                             ["Date", "From", "To", "Message-ID", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"])
            self.assertIsNone(mail["Bcc"])
            # All words are there, in this one header; line breaks have become spaces.
            flat = "".join(" " if ord(c) < 32 else c for c in text)
            self.assertEqual(" ".join(str(mail["Subject"]).split()), " ".join(flat.split()))
            plain = mail.get_body(("plain",)).get_content()
            self.assertTrue(plain.replace("\r\n", "\n").startswith("a\n.\nb\n..\n.c\n"), plain)
        for to in ("ann@example.com\r\nBcc: eve@example.com", "ann@example.com>\r\nRCPT TO:<eve@example.com", "ann@example.com,eve@example.com",
                   "\"ann\r\n\"@example.com", "ann@example.com\nDATA", "ann eve@example.com"):
            refused = len([line for line in probe.out.lines if line.startswith("refused")])
            probe.raw("base64:" + b64(to))
            probe.out.find("a refusal", lambda line: line == "refused MAIL_ADDRESS", refused + 1)
        self.assertEqual(probe.end(), 0)
        self.assertEqual(len(self.mails()), len(evil))


class Trouble(MailTest):
    def wait_given_up(self, probe, reference, reason):
        """For that reason; a mail that is looked at just after its end has come says so instead, after tries that failed for that reason."""
        line = probe.out.find("a final failure", lambda line: line.startswith(f"failed {reference} "))
        if line.endswith(" MAIL_EXPIRED"):
            tries = [line for line in probe.err.lines if "event=mail.waits" in line and f"about={reference} " in line]
            self.assertTrue(tries and all(f"reason={reason} " in line for line in tries), tries)
        else:
            self.assertEqual(line, f"failed {reference} {reason}")

    def test_login_refused(self):
        cert = self.certificate()
        sink = self.sink(cert=cert)
        probe = self.probe(sink.port, ca=cert[0], password="wrong")
        probe.code("ann@example.com", life_ms=3000, reference="r")
        probe.log("mail.waits", "reason=MAIL_LOGIN", count=2)  # an operator may mend it: tried again
        self.assertFalse(sink.event("login")["ok"])
        self.wait_given_up(probe, "r", "MAIL_LOGIN")
        self.assertEqual(probe.end(), 0)
        self.assertEqual(self.mails(), [])

    def test_untrusted_certificate(self):
        sink = self.sink(cert=self.certificate("server"))
        probe = self.probe(sink.port, ca=self.certificate("other")[0])
        probe.code("ann@example.com", life_ms=2000, reference="r")
        probe.log("mail.waits", "reason=MAIL_TLS", count=2)
        self.wait_given_up(probe, "r", "MAIL_TLS")
        self.assertEqual((self.mails(), sink.events("login"), sink.events("mail")), ([], [], []))

    def test_certificate_of_another_host(self):
        cert = self.certificate("server", "DNS:mail.example.com")
        sink = self.sink(cert=cert)
        probe = self.probe(sink.port, ca=cert[0])
        probe.code("ann@example.com", life_ms=1500, reference="r")
        self.wait_given_up(probe, "r", "MAIL_TLS")
        self.assertEqual((self.mails(), sink.events("login")), ([], []))

    def test_the_systems_authorities_by_default(self):
        sink = self.sink()
        probe = self.probe(sink.port)
        probe.code("ann@example.com", life_ms=1500, reference="r")
        self.wait_given_up(probe, "r", "MAIL_TLS")
        self.assertEqual((self.mails(), sink.events("login")), ([], []))

    def test_no_starttls_offered(self):
        """A server, or somebody in between, that leaves STARTTLS out gets neither the password nor the mail."""
        sink = self.sink(tls="none", login=False)
        probe = self.probe(sink.port)
        probe.code("ann@example.com", life_ms=1500, reference="r")
        self.wait_given_up(probe, "r", "MAIL_TLS")
        self.assertGreaterEqual(len(sink.events("connect")), 2)
        self.assertEqual((self.mails(), sink.events("login")), ([], []))

    def test_refused_for_good_and_for_now(self):
        cert = self.certificate()
        sink = self.sink(cert=cert)
        probe = self.probe(sink.port, ca=cert[0])
        probe.code("refuse5@example.com", reference="never")
        self.wait_given_up(probe, "never", "MAIL_REFUSED")
        self.assertEqual(len(sink.events("refused")), 1)
        probe.code("refuse4@example.com", life_ms=3000, reference="later")
        probe.log("mail.waits", "about=later", "reason=MAIL_UNREACHABLE", count=2)
        self.wait_given_up(probe, "later", "MAIL_UNREACHABLE")
        self.assertGreaterEqual(len([e for e in sink.events("refused") if e["answer"] == "451"]), 3)
        probe.code("ann@example.com", reference="well")  # and the queue goes on
        self.mail()

    def test_down_then_up(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        cert = self.certificate()
        probe = self.probe(port, ca=cert[0])
        for number in range(3):
            probe.code("ann@example.com", reference=f"r{number}")
        for number in range(3):
            probe.log("mail.waits", f"about=r{number}", "reason=MAIL_UNREACHABLE")
        self.sink(cert=cert, port=port)
        self.mail(3)
        for number in range(3):
            probe.log("mail.sent", f"about=r{number}")
        self.assertEqual(probe.end(), 0)
        self.assertEqual(len(self.mails()), 3)

    def test_expired_while_the_server_was_down(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        cert = self.certificate()
        probe = self.probe(port, ca=cert[0], backoff=(60000, 60000))
        began = time.monotonic()
        probe.code("ann@example.com", life_ms=2000, reference="r")
        self.wait_given_up(probe, "r", "MAIL_UNREACHABLE")  # told at once: the next try would come too late
        self.assertLess(time.monotonic() - began, 30)
        probe.code("ann@example.com", life_ms=600000, reference="s")
        probe.log("mail.waits", "about=s")
        probe.code("ann@example.com", life_ms=600000, reference="t")
        probe.kill()
        sink = self.sink(cert=cert, port=port)
        self.assertEqual(sink.events("mail"), [])

    def test_a_silent_server(self):
        """It takes the connection and says nothing: the delivery ends at its timeout, and at once when we stop."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            probe = self.probe(silent.getsockname()[1])
            probe.code("ann@example.com", reference="r")
            first, _ = silent.accept()
            probe.log("mail.waits", "reason=MAIL_UNREACHABLE")
            second, _ = silent.accept()  # the second try
            self.assertEqual(probe.end(), 0)
            stopped = int(probe.out.find("the end", lambda line: line.startswith("stopped ")).split()[1])
            self.assertLess(stopped, 3000)
            self.assertTrue([line for line in probe.err.lines if "reason=MAIL_STOPPED" in line])
            first.close()
            second.close()


class Kill(MailTest):
    def test_killed_before_it_could_send(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        cert = self.certificate()
        probe = self.probe(port, ca=cert[0])
        for number in range(5):
            probe.code("ann@example.com", code=f"{number}{CODE[1:]}", reference=f"r{number}")
        probe.log("mail.waits")
        probe.kill()
        data = b"".join(path.read_bytes() for path in self.dir.glob("store.db*"))
        self.assertNotIn(b"ann@example.com", data)
        self.assertNotIn(CODE[1:].encode(), data)
        self.sink(cert=cert, port=port)
        probe = self.probe(port, ca=cert[0])
        self.mail(5)
        for number in range(5):
            probe.log("mail.sent", f"about=r{number}")
        self.assertEqual(probe.end(), 0)
        self.assertEqual(len({email.message_from_bytes(path.read_bytes())["Message-ID"] for path in self.mails()}), 5)
        self.assertEqual(len(self.mails()), 5)

    def test_killed_while_it_sent(self):
        """The server has the mail, we were killed before we knew: it comes again under the same Message-ID, at once and not after the lease."""
        cert = self.certificate()
        release = self.dir / "release"
        sink = self.sink(cert=cert, hold=release)
        probe = self.probe(sink.port, ca=cert[0])
        probe.code("ann@example.com", reference="r")
        first, _ = self.mail(1)
        probe.kill()
        release.touch()
        probe = self.probe(sink.port, ca=cert[0])
        second, _ = self.mail(2)
        probe.log("mail.sent", "about=r", "attempt=2")
        self.assertEqual(first, second)
        self.assertEqual(probe.end(), 0)
        self.assertEqual(len(self.mails()), 2)
