"""What the tests of accounts share: persons with secrets, and the mail that reached them."""
import concurrent.futures
import email
import email.policy
import itertools
import re
import secrets
import sqlite3
import threading
import unittest

from harness import Daemon, wait_until

CODE_IN_TEXT = re.compile(r"(?<!\d)(\d{6})(?!\d)")
COUNTER = itertools.count(1)


class Person:
    """Somebody with a name of their own; every secret of theirs is remembered, so that a test can look for it where it must not be."""
    secrets = set()

    def __init__(self, prefix="ann"):
        number = f"{next(COUNTER)}{secrets.token_hex(2)}"
        self.name = f"{prefix}-{number}"
        self.email = f"{prefix}.{number}@example.com"
        self.password = self.secret("pw-" + secrets.token_hex(8))
        self.tokens = self.id = None

    @classmethod
    def secret(cls, text):
        cls.secrets.add(text)
        return text

    def form(self, **more):
        return dict({"username": self.name, "email": self.email, "password": self.password}, **more)

    def enter(self, answer):
        """What a sign-in gave."""
        self.tokens, self.id = answer.data["tokens"], answer.data["user"]["id"]
        self.keep(self.tokens)
        return self

    @classmethod
    def keep(cls, tokens):
        cls.secret(tokens["access_token"].split(".")[2])
        cls.secret(tokens["refresh_token"])


def mails(daemon, to=None):
    """Mails in the outbox, oldest first: email.message.EmailMessage."""
    folder = daemon.dir / "data" / "outbox"
    found = []
    for path in sorted(folder.glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if to is None or mail["To"] == to:
            found.append(mail)
    return found


def code_of(mail):
    """The code of a mail: the same in text and HTML, and not in the subject."""
    text = mail.get_body(("plain",)).get_content()
    code = CODE_IN_TEXT.search(text).group(1)
    assert code in mail.get_body(("html",)).get_content()
    assert code not in mail["Subject"]
    return Person.secret(code)


def leaks(daemon):
    """A08: no code, token or password of the suite stands in a log line, a metric, an event or the database. A code is digits that might
    stand somewhere by chance, so it is looked for as a word of its own, and not in the database's bytes."""
    if not daemon.process:
        daemon.start()
    metrics = daemon.get("/metrics", user=None).body.decode()
    with sqlite3.connect(daemon.dir / "data" / "petfood.db", timeout=30) as database:
        events = "\n".join(row[0] for row in database.execute("select data from task_events"))
    database.close()
    files = b"".join(path.read_bytes() for path in (daemon.dir / "data").glob("petfood.db*"))
    words = {name: set(re.findall(r"[\w.-]+", text)) for name, text in (("log", daemon.log()), ("metrics", metrics), ("events", events))}
    texts = daemon.log() + metrics + events
    assert "daemon.started" in words["log"] and len(words["metrics"]) > 50
    for secret in Person.secrets:
        if secret.isdigit():
            for name, found in words.items():
                assert secret not in found, f"a code stands in the {name}: {secret}"
        elif len(secret) >= 12:
            assert secret not in texts, f"a secret is told: {secret}"
            assert secret.encode() not in files, f"a secret is stored: {secret}"


class Accounts(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(**cls.settings).__enter__()

    @classmethod
    def tearDownClass(cls):
        try:
            leaks(cls.daemon)
        finally:
            cls.daemon.__exit__(None, None, None)

    def another(self, **settings):
        return Daemon(**settings)

    def person(self, prefix="ann"):
        return Person(prefix)

    def post(self, path, token=None, headers=None, verb="POST", **body):
        answer = self.daemon.request(verb, f"/api/v1/auth/{path}", body, user=None, token=token, headers=headers)
        if answer.status != 200:
            told = answer.body.decode() + str(answer.headers)
            for field in ("password", "old_password", "new_password", "code", "refresh_token"):
                secret = body.get(field)
                assert not (isinstance(secret, str) and len(secret) >= 6 and secret in told), (field, answer)
        if answer.status == 200:
            data = answer.json["data"]
            for tokens in (data, data.get("tokens") or {}) if isinstance(data, dict) else ():
                if "refresh_token" in tokens:
                    Person.keep(tokens)
        return answer

    def put(self, path, token=None, **body):
        return self.post(path, token=token, verb="PUT", **body)

    def get(self, path, token=None, **more):
        return self.daemon.get(f"/api/v1/auth/{path}", user=None, token=token, **more)

    def registered(self, prefix="ann"):
        who = self.person(prefix)
        answer = self.post("register", **who.form())
        assert answer.status == 200, answer
        return who.enter(answer)

    def signed_in(self, who):
        """One more session of a person: its tokens."""
        answer = self.post("login", username=who.name, password=who.password)
        assert answer.status == 200, answer
        return answer.data["tokens"]

    def send_code(self, address, purpose="register", **more):
        return self.post("send-code", email=address, code_type=purpose, **more)

    def mailed_code(self, address, count=1):
        """The code of the count-th mail to an address, once it is there."""
        wait_until(f"mail {count} to somebody", lambda: len(mails(self.daemon, address)) >= count)
        return code_of(mails(self.daemon, address)[count - 1])

    def sql(self, statement, *values):
        """Straight at the database, as an operator would in need."""
        with sqlite3.connect(self.daemon.dir / "data" / "petfood.db", timeout=30) as database:
            rows = database.execute(statement, values).fetchall()
        database.close()
        return rows

    def at_once(self, calls):
        """The answers of calls that are made together."""
        start = threading.Barrier(len(calls))

        def run(call):
            start.wait()
            return call()

        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))
