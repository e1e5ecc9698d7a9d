"""Bad input: a 4xx that names the field, and nothing is stored."""
import gzip
import json
import unittest

from harness import PET, Connection, Daemon


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def test_fields(self):
        rows = [
            ({"pet_type": "horse"}, "body.pet_type"), ({"pet_type": 7}, "body.pet_type"), ({"pet_age": 0}, "body.pet_age"),
            ({"pet_age": "old"}, "body.pet_age"), ({"pet_age": 1.5}, "body.pet_age"), ({"pet_age": -3}, "body.pet_age"),
            ({"pet_weight": 0}, "body.pet_weight"), ({"pet_weight": 1000.1}, "body.pet_weight"), ({"pet_weight": "NaN"}, "body.pet_weight"),
            ({"pet_weight": [1]}, "body.pet_weight"), ({"pet_breed": "x" * 101}, "body.pet_breed"), ({"health_status": "长" * 501}, "body.health_status"),
            ({"neutered": "yes"}, "body.neutered"), ({"bcs": 10}, "body.bcs"), ({"activity": "wild"}, "body.activity"),
            ({"allergens": "beef"}, "body.allergens"), ({"allergens": [1]}, "body.allergens.0"), ({"allergens": ["x"] * 31}, "body.allergens"),
            ({"meals_per_day": 7}, "body.meals_per_day"), ({"dislikes": ["y" * 51]}, "body.dislikes.0"), ({"pet_breed": {"a": 1}}, "body.pet_breed"),
            ({"pet_age": 2**40}, "body.pet_age"), ({"pet_type": 0}, "body.pet_type"), ({"pet_type": 1}, "body.pet_type"),
            ({"pet_type": "PET_TYPE_UNSPECIFIED"}, "body.pet_type"), ({"activity": 2}, "body.activity"),
        ]
        for path in ("/api/v1/plans/", "/api/v1/plans/stream"):
            for body, field in rows:
                answer = self.daemon.post(path, body, user="fields")
                self.assertEqual(answer.status, 422, f"{body} {answer}")
                self.assertEqual((answer.json["code"], answer.json["message"]), (422, "请求数据验证失败"))
                self.assertIn(field, [d["field"] for d in answer.json["detail"]], f"{body} {answer}")
                self.assertTrue(all(set(d) == {"field", "message", "type"} for d in answer.json["detail"]))
        self.assertEqual(self.daemon.get("/api/v1/tasks/", user="fields").data["total"], 0)

    def test_one_language(self):
        wrong = {"pet_type": 7, "pet_age": "old", "pet_weight": 0, "dislikes": ["y" * 51, 1], "neutered": "yes", "bcs": 99, "allergens": {}}
        for body in (wrong, {"pet_age": 0, "bcs": 10, "dislikes": ["y" * 51], "pet_breed": "x" * 101}, []):
            for language, chinese in (("zh-CN", True), ("en", False)):
                answer = self.daemon.post("/api/v1/plans/", raw=json.dumps(body).encode(), headers={"Accept-Language": language})
                self.assertEqual(answer.status, 422, answer)
                for row in answer.json["detail"]:
                    self.assertEqual(any("\u4e00" <= c <= "\u9fff" for c in row["message"]), chinese, row)

    def test_ids_that_are_none(self):
        for name in ("%FF", "%00", "a%00b", "%C3%28", "nope", "x" * 300, "..", "%2F", "00000000-0000-4000-8000-00000000000G"):
            for path, message in ((f"/api/v1/plans/{name}", "饮食计划不存在"), (f"/api/v1/tasks/{name}", "任务不存在"),
                                  (f"/api/v1/tasks/{name}/result", "任务不存在"), (f"/api/v1/tasks/{name}/events", "任务不存在")):
                answer = self.daemon.get(path)
                self.assertEqual((answer.status, answer.json), (404, {"code": 404, "message": message, "detail": None}), path)
            self.assertEqual(self.daemon.get(f"/api/v1/plans/{name}", user=None).status, 401, name)

    def test_413_is_one_answer(self):
        answers = [self.daemon.post("/api/v1/plans/", raw=b"x" * size, headers={"X-Request-Id": "mine"}) for size in ((1 << 20) + 1, 3 << 20)]
        self.assertEqual(answers[0].body, answers[1].body)
        self.assertEqual(answers[0].json["detail"], {"limit": 1 << 20})
        for answer in answers:
            self.assertEqual((answer.status, answer.headers["x-request-id"], answer.headers["content-type"]), (413, "mine", "application/json"))
            self.assertRegex(answer.headers["x-process-time"], r"^\d+\.\d{3}$")

    def test_bodies(self):
        deep = b'{"pet_breed":' + b"[" * 5000 + b"]" * 5000 + b"}"
        rows = {
            "not JSON": (b"{", 422), "a list": (b"[]", 422), "text": (b'"x"', 422), "trailing": (b"{} {}", 422),
            "too deep": (deep, 422), "invalid UTF-8": (b'{"pet_breed":"\xff\xfe"}', 422), "overlong": (b'{"pet_breed":"\xc0\xaf"}', 422),
            "lone surrogate": (b'{"pet_breed":"\\ud800"}', 422), "NUL": (b'{"pet_breed":"a\\u0000b"}', 422),
            "doubled key": (b'{"pet_age":1,"pet_age":2}', 422), "huge number": (b'{"pet_weight":1e400}', 422),
            "too large": (b'{"pet_breed":"' + b"x" * (1 << 20) + b'"}', 413), "far too large": (b"x" * (3 << 20), 413),
            "pet unknown": (b'{"pet_id":"nope"}', 404),
        }
        for label, (raw, want) in rows.items():
            answer = self.daemon.post("/api/v1/plans/", raw=raw)
            self.assertEqual(answer.status, want, f"{label}: {answer}")
            self.assertIsInstance(answer.json["message"], str, label)
        self.assertEqual(self.daemon.post("/api/v1/plans/", raw=b'{"pet_id":"nope"}').json["code"], 3001)
        for media in ("text/plain", "application/xml", "multipart/form-data"):
            answer = self.daemon.post("/api/v1/plans/", raw=b"{}", headers={"Content-Type": media})
            self.assertEqual(answer.status, 415, media)
        self.assertEqual(self.daemon.post("/api/v1/plans/", raw=b"{}", headers={"Content-Type": "application/json; charset=UTF-8"}).status, 200)

    def test_unknown_fields_are_ignored(self):
        answer = self.daemon.post("/api/v1/plans/", dict(PET, favourite_toy={"name": "ball", "list": [1, {"x": None}]}), user="ignored")
        self.assertEqual(answer.status, 200, answer)

    def test_routes(self):
        rows = [("GET", "/api/v1/nothing", 404, "Not Found"), ("GET", "/nothing", 404, "Not Found"), ("PUT", "/api/v1/plans/", 405, "Method Not Allowed"),
                ("PATCH", "/api/v1/tasks/x", 405, "Method Not Allowed"), ("POST", "/health", 405, "Method Not Allowed")]
        for verb, path, status, text in rows:
            answer = self.daemon.request(verb, path)
            self.assertEqual((answer.status, answer.json), (status, {"code": status, "message": text, "detail": None}), f"{verb} {path}")
            if status == 405:
                self.assertIn("allow", answer.headers)

    def test_builtins(self):
        root = self.daemon.get("/", user=None).data
        self.assertEqual((root["name"], root["status"]), ("Pet Food Diet Plan Assistant", "running"))
        health = self.daemon.get("/health", user=None, headers={"Origin": "http://localhost:3000"})
        self.assertEqual((health.data["status"], health.json["message"]), ("healthy", "ok"))
        self.assertEqual(health.headers["access-control-allow-origin"], "http://localhost:3000")
        self.assertRegex(self.daemon.get("/api/v1/tasks/").headers["x-process-time"], r"^\d+\.\d{3}$")
        detail = self.daemon.get("/health/detail", user=None).data
        self.assertEqual(detail["status"], "healthy")
        self.assertEqual(set(detail["components"]) >= {"database", "redis"}, True)
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.daemon.get(path, user=None).status, 200)
        metrics = self.daemon.get("/metrics", user=None).body.decode()
        self.assertIn("# TYPE", metrics)
        openapi = json.loads(self.daemon.get("/openapi.json", user=None).body)
        self.assertTrue(openapi["openapi"].startswith("3.1"))
        for path in ("/api/v1/plans/stream", "/api/v1/tasks/{id}", "/api/v1/plans/{id}/confirm"):
            self.assertIn(path, openapi["paths"])

    def test_gzip_and_cors(self):
        answer = self.daemon.get("/openapi.json", user=None, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(answer.headers.get("content-encoding"), "gzip")
        self.assertIn("openapi", json.loads(gzip.decompress(answer.body)))
        preflight = self.daemon.request("OPTIONS", "/api/v1/plans/", user=None, headers={
            "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})
        self.assertEqual(preflight.status, 200)
        self.assertEqual(preflight.headers["access-control-allow-origin"], "http://localhost:3000")
        self.assertIn("POST", preflight.headers["access-control-allow-methods"])
        self.assertIn("content-type", preflight.headers["access-control-allow-headers"].lower())
        foreign = self.daemon.get("/health", user=None, headers={"Origin": "https://evil.example"})
        self.assertNotIn("access-control-allow-origin", foreign.headers)

    def test_limits_of_headers_and_hosts(self):
        answer = self.daemon.get("/health", user=None, headers={"X-Long": "x" * 70000})
        self.assertEqual(answer.status, 431)
        with Daemon(ALLOWED_HOSTS='["petfood.example"]') as daemon:
            self.assertEqual(daemon.get("/api/v1/tasks/").status, 400)

    def test_head_and_keep_alive(self):
        connection = Connection(self.daemon.port)
        for _ in range(3):
            connection.send("HEAD", "/health")
            answer = connection.reply(head_only=True)
            self.assertEqual((answer.status, int(answer.headers["content-length"]) > 0), (200, True))
            connection.send("GET", "/health")
            self.assertEqual(connection.reply().status, 200)
        connection.close()


if __name__ == "__main__":
    unittest.main()
