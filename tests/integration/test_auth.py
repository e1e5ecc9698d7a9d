"""Tokens at the door: every wrong one is 401, and rows belong to their user."""
import base64
import hashlib
import json
import sqlite3
import time
import unittest

from harness import PET, Daemon, b64, make_jwt, wait_until


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()
        cls.key = cls.daemon.key()
        cls.user = cls.daemon.user_id()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def claims(self, **more):
        now = int(time.time())
        return {k: v for k, v in dict({"sub": self.user, "username": "ann", "type": "access", "iat": now, "exp": now + 600, "jti": "x"}, **more).items()
                if v is not None}

    def status(self, token, path="/api/v1/tasks/"):
        return self.daemon.get(path, user=None, headers={"Authorization": f"Bearer {token}"})

    def test_good(self):
        self.assertEqual(self.status(make_jwt(self.key, self.claims())).status, 200)
        lower = self.daemon.get("/api/v1/tasks/", user=None, headers={"authorization": "bearer " + make_jwt(self.key, self.claims())})
        self.assertEqual(lower.status, 200)

    def test_missing(self):
        for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}, {"Authorization": "Bearer"}):
            answer = self.daemon.get("/api/v1/tasks/", user=None, headers=headers)
            self.assertEqual(answer.status, 401, headers)
            self.assertEqual(answer.json["code"], 401)
        self.assertEqual(self.daemon.get("/api/v1/tasks/", user=None).json["message"], "未提供认证凭据")

    def test_wrong(self):
        good = make_jwt(self.key, self.claims())
        head, body, signature = good.split(".")
        now = int(time.time())
        none = b64(json.dumps({"alg": "none", "typ": "JWT"}).encode())
        wrong = {
            "garbage": "abc",
            "expired": make_jwt(self.key, self.claims(exp=now - 1)),
            "no exp": make_jwt(self.key, self.claims(exp=None)),
            "foreign key": make_jwt(b"x" * 48, self.claims()),
            "alg none": f"{none}.{body}.",
            "alg none with signature": f"{none}.{body}.{signature}",
            "HS512": make_jwt(self.key, self.claims(), {"alg": "HS512", "typ": "JWT"}, hashlib.sha512),
            "HS384": make_jwt(self.key, self.claims(), {"alg": "HS384", "typ": "JWT"}, hashlib.sha384),
            "cut signature": good[:-2],
            "longer signature": good + "AA",
            "no signature": f"{head}.{body}.",
            "two parts": f"{head}.{body}",
            "four parts": good + ".x",
            "changed body": f"{head}.{b64(base64.urlsafe_b64decode(body + '==').replace(b'ann', b'eve'))}.{signature}",
            "service as user": make_jwt(self.key, self.claims(type="service")),
            "nbf in the future": make_jwt(self.key, self.claims(nbf=now + 3600)),
            "unknown kid": make_jwt(self.key, self.claims(), {"alg": "HS256", "typ": "JWT", "kid": "../../etc/passwd"}),
            "big": make_jwt(self.key, self.claims(pad="x" * 20000)),
        }
        for label, token in wrong.items():
            answer = self.status(token)
            self.assertEqual(answer.status, 401, f"{label}: {answer}")
            self.assertTrue(answer.json["message"].startswith(("Token 无效或已过期", "Token 类型错误", "Token 载荷无效")), f"{label}: {answer}")
            for path in ("/api/v1/plans/stream?task_id=x", "/api/v1/plans/x"):
                self.assertEqual(self.status(token, path).status, 401, label)
        refresh = self.status(make_jwt(self.key, self.claims(type="refresh")))
        self.assertEqual((refresh.status, refresh.json["message"]), (401, "Token 类型错误，期望 access，实际 refresh"))
        no_sub = self.status(make_jwt(self.key, self.claims(sub=None)))
        self.assertEqual((no_sub.status, no_sub.json["message"]), (401, "Token 载荷无效"))
        refused = self.daemon.post("/api/v1/plans/stream", PET, user=None)
        self.assertEqual(refused.status, 401)
        self.assertEqual(self.daemon.get("/api/v1/tasks/").data["total"], 0)

    def test_users_who_are_gone_or_disabled(self):
        unknown = self.status(make_jwt(self.key, self.claims(sub="00000000-0000-4000-8000-000000000000")))
        self.assertEqual(unknown.status, 401, unknown)
        self.assertEqual(self.daemon.get("/api/v1/tasks/", user="gone").status, 200)
        with sqlite3.connect(self.daemon.dir / "data" / "petfood.db") as database:
            database.execute("update users set is_active = 0 where username = 'gone'")
        database.close()
        refused = wait_until("the disabled user's 401", lambda: (r := self.daemon.get("/api/v1/tasks/", user="gone")).status == 401 and r)
        self.assertTrue(refused.json["message"].startswith("Token 无效或已过期"))
        self.assertEqual(self.daemon.cli("token", "--user", "gone", check=False).returncode, 1)

    def test_secrets_stay_out_of_the_log(self):
        token = make_jwt(self.key, self.claims(jti="secret-jti"))
        self.status(token)
        self.status(token + "x")
        log = self.daemon.log()
        self.assertNotIn(token.split(".")[2], log)
        self.assertNotIn(self.key.decode(), log)

    def test_rate_limit(self):
        with Daemon(RATE_LIMIT_ENABLED="true", RATE_LIMIT_TIMES=5, RATE_LIMIT_SECONDS=60) as daemon:
            answers = [daemon.get("/api/v1/tasks/") for _ in range(7)]
            self.assertEqual([a.status for a in answers], [200] * 5 + [429] * 2)
            limited = daemon.get("/api/v1/tasks/", headers={"Origin": "http://localhost:3000", "X-Forwarded-For": "10.9.8.7"})
            self.assertEqual(limited.status, 429)
            self.assertEqual(limited.json["message"], "请求过于频繁，请稍后再试")
            self.assertEqual(limited.headers["access-control-allow-origin"], "http://localhost:3000")
            self.assertTrue(1 <= int(limited.headers["retry-after"]) <= 60)
            for path in ("/health", "/health/detail", "/healthz", "/readyz", "/metrics"):
                self.assertEqual(daemon.get(path, user=None).status, 200, path)
            for path in ("/nothing", "/", "/api/v1/nothing"):
                self.assertEqual(daemon.get(path, user=None).status, 429, path)


class Start(unittest.TestCase):
    def test_refuses_bad_settings(self):
        for settings, says in (({"JWT_SECRET_KEY": "short"}, "JWT_SECRET_KEY"), ({"JWT_SECRET_KEY": "your-super-secret-key-change-this-please-now"}, "placeholder"),
                               ({"API_PORT": "70000"}, "API_PORT"), ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM"),
                               ({"DATABASE_URL": "postgresql://u:hunter2@h/d"}, "DATABASE_URL"), ({"RPC_LISTEN": "tcp://0.0.0.0:7171"}, "0.0.0.0"),
                               ({"TASK_MAX_CONCURRENT": "many"}, "TASK_MAX_CONCURRENT=many")):
            daemon = Daemon(**settings)
            if "API_PORT" in settings:
                daemon.port = settings["API_PORT"]
            with self.assertRaises(AssertionError) as caught:
                with daemon:
                    pass
            self.assertIn(says, str(caught.exception), settings)
            self.assertNotIn("hunter2", str(caught.exception))

    def test_takes_any_strong_secret(self):
        for secret in ("k7<Pq9vZexampleWxxxxRt5Lm2Nc8Bd4Gh6Jf", "0123456789abcdef" * 4):
            with Daemon(JWT_SECRET_KEY=secret) as daemon:
                token = make_jwt(secret.encode(), {"sub": "x", "type": "access", "iat": int(time.time()), "exp": int(time.time()) + 60})
                self.assertEqual(daemon.get("/api/v1/tasks/", user=None, headers={"Authorization": "Bearer " + token}).status, 401)
                self.assertFalse((daemon.dir / "data" / "keys" / "jwt.key").exists())

    def test_busy_port_is_reported_with_its_holder(self):
        with Daemon() as daemon:
            other = Daemon()
            other.port = daemon.port
            with self.assertRaises(AssertionError) as caught:
                other.start()
            self.assertIn(f"pid {daemon.process.pid}", str(caught.exception))
            other.process.wait()
            other.process.stdout.close()
            self.assertEqual(daemon.get("/health", user=None).status, 200)

    def test_second_instance_on_the_same_data_is_refused(self):
        with Daemon() as daemon:
            other = Daemon()
            other.dir, keep = daemon.dir, other.dir
            with self.assertRaises(AssertionError):
                other.start()
            other.process.wait()
            other.process.stdout.close()
            keep.rmdir()
            self.assertIn("healthy", daemon.cli("health").stdout)  # the socket still answers
            self.assertEqual(daemon.get("/api/v1/tasks/").status, 200)


if __name__ == "__main__":
    unittest.main()
