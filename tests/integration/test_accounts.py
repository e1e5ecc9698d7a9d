"""Accounts over HTTP: every row of the contract's section on them, and every state of codes and tokens."""
import base64
import json
import re
import unittest

from accounts import CODE_IN_TEXT, Accounts, Person
from harness import make_jwt, wait_until


class Basics(Accounts):
    def test_registers_and_signs_in(self):
        ann = self.person()
        answer = self.post("register", username=ann.name, email="  " + ann.email.upper() + " ", password=ann.password)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["message"], "注册成功")
        user, tokens = answer.data["user"], answer.data["tokens"]
        self.assertEqual(set(user), {"id", "username", "email", "nickname", "phone", "avatar_url", "is_pro", "plan_type", "subscription_expired_at",
                                     "is_active", "is_superuser", "created_at"})
        self.assertEqual((user["username"], user["email"], user["is_active"], user["is_superuser"], user["is_pro"]),
                         (ann.name, ann.email, True, False, False))
        self.assertRegex(user["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual((tokens["token_type"], tokens["expires_in"]), ("bearer", 1800))
        claims = json.loads(base64.urlsafe_b64decode(tokens["access_token"].split(".")[1] + "=="))
        self.assertEqual((claims["sub"], claims["username"], claims["type"], claims["exp"] - claims["iat"]),
                         (user["id"], ann.name, "access", 1800))
        self.assertTrue(claims["jti"] and claims["sid"])
        me = self.get("me", token=tokens["access_token"])
        self.assertEqual((me.status, me.json["message"], me.data), (200, "获取成功", user))
        for login in (ann.name, ann.email, f" {ann.name}\t", ann.email.upper()):
            again = self.post("login", username=login, password=ann.password)
            self.assertEqual((again.status, again.json["message"], again.data["user"]["id"]), (200, "登录成功", user["id"]), login)
        # A name is told apart by case, an address is not.
        self.assertEqual(self.post("login", username=ann.name.upper(), password=ann.password).status, 401)

    def test_refuses_what_is_taken(self):
        ann = self.registered()
        both = self.post("register", username=ann.name, email=ann.email, password=ann.password)
        self.assertEqual((both.status, both.json["code"], both.json["message"]), (409, 409, "用户名已存在"))
        email = self.post("register", username=self.person().name, email=ann.email.upper(), password=ann.password)
        self.assertEqual((email.status, email.json["message"]), (409, "邮箱已被注册"))
        english = self.post("register", username=ann.name, email=ann.email, password=ann.password, headers={"Accept-Language": "en"})
        self.assertEqual(english.json["message"], "this user name is taken")

    def test_field_rules(self):
        good = {"username": "王小明_1", "email": "rules@example.com", "password": "secret"}
        rows = [
            ({"username": "user@name"}, "username", "用户名只能包含中文、字母、数字、下划线和连字符"),
            ({"username": "ab"}, "username", "用户名长度需为 3-50 个字符"),
            ({"username": " a "}, "username", "用户名长度需为 3-50 个字符"),
            ({"username": "x" * 51}, "username", "用户名长度需为 3-50 个字符"),
            ({"username": "a b c"}, "username", "用户名只能包含中文、字母、数字、下划线和连字符"),
            ({"email": "nobody"}, "email", "不是有效的邮箱地址"),
            ({"email": "a@localhost"}, "email", "不是有效的邮箱地址"),
            ({"email": "a@example.com\r\nBcc: b@example.com"}, "email", "不是有效的邮箱地址"),
            ({"email": "x" * 60 + "@" + "y" * 40 + ".com"}, "email", "至多 100 个字符"),
            ({"password": "12345"}, "password", "至少 6 个字符"),
            ({"password": "狗" * 24 + "x"}, "password", "密码最多支持 72 字节（UTF-8）"),
            ({"password": None}, "password", "此项必填"),
            ({"username": 5}, "username", None),
        ]
        for change, field, text in rows:
            answer = self.post("register", **dict(good, **change))
            self.assertEqual((answer.status, answer.json["code"], answer.json["message"]), (422, 422, "请求数据验证失败"), change)
            fields = {v["field"]: v for v in answer.json["detail"]}
            self.assertIn(f"body.{field}", fields, change)
            self.assertEqual(set(fields[f"body.{field}"]), {"field", "message", "type"})
            if text:
                self.assertEqual(fields[f"body.{field}"]["message"], text)
        everything = self.post("register")
        self.assertEqual({v["field"] for v in everything.json["detail"]}, {"body.username", "body.email", "body.password"})
        self.assertEqual(self.post("login", username="nobody").json["detail"][0]["field"], "body.password")
        for raw in (b"{", b"[]", b'{"username": "abc\\u0000def"}'):
            self.assertEqual(self.daemon.post("/api/v1/auth/register", raw=raw, user=None).status, 422, raw)
        # 72 bytes, and 6 characters of any script.
        self.assertEqual(self.post("register", **dict(good, password="狗" * 24)).status, 200)

    def test_wrong_password_and_unknown_account_are_one(self):
        ann = self.registered()
        answers = [self.post("login", username=login, password=password) for login, password in
                   ((ann.name, "wrong password"), (ann.email, "wrong password"), ("nobody-here", ann.password), ("nobody@example.com", ann.password),
                    (ann.name, ""), ("nobody-here", ""), (ann.name, ann.password + "\n"), (ann.name, "x" * 4000))]
        for answer in answers:
            self.assertEqual((answer.status, answer.json["message"]), (401, "用户名或密码错误"))
            self.assertEqual(answer.body, answers[0].body)

    def test_expires_in_follows_configuration(self):
        with self.another(JWT_ACCESS_TOKEN_EXPIRE_MINUTES=7) as other:
            bob = Person("bob")
            answer = other.post("/api/v1/auth/register", bob.form(), user=None)
            self.assertEqual(answer.data["tokens"]["expires_in"], 420)
            claims = json.loads(base64.urlsafe_b64decode(answer.data["tokens"]["access_token"].split(".")[1] + "=="))
            self.assertEqual(claims["exp"] - claims["iat"], 420)

    def test_refresh_and_logout(self):
        ann = self.registered()
        first = ann.tokens
        answer = self.post("refresh", refresh_token=first["refresh_token"])
        self.assertEqual((answer.status, answer.json["message"]), (200, "刷新成功"))
        self.assertEqual(set(answer.data), {"access_token", "refresh_token", "token_type", "expires_in"})
        self.assertNotEqual(answer.data["refresh_token"], first["refresh_token"])
        self.assertNotEqual(answer.data["access_token"], first["access_token"])
        self.assertEqual(self.get("me", token=answer.data["access_token"]).data["username"], ann.name)
        out = self.post("logout", token=answer.data["access_token"])
        self.assertEqual((out.status, out.json["message"]), (200, "已退出登录"))
        for path in ("auth/me", "tasks", "plans", "auth/sessions"):
            dead = self.daemon.get("/api/v1/" + path, user=None, token=answer.data["access_token"])
            self.assertEqual(dead.status, 401, path)
            self.assertTrue(dead.json["message"].startswith("Token 无效或已过期"))
        gone = self.post("refresh", refresh_token=answer.data["refresh_token"])
        self.assertEqual((gone.status, gone.json["message"]), (401, "刷新令牌无效或已撤销"))

    def test_refresh_refuses_what_is_none(self):
        ann = self.registered()
        key = self.daemon.key()
        for token in ("x", "pfr_" + "A" * 70, ann.tokens["access_token"], ann.tokens["refresh_token"][:-1], ann.tokens["refresh_token"] + "A",
                      make_jwt(key, {"sub": ann.id, "type": "refresh", "exp": 9999999999}), "x" * 4000):
            answer = self.post("refresh", refresh_token=token)
            self.assertEqual(answer.status, 401, token)
            self.assertTrue(answer.json["message"].startswith("刷新令牌无效"), answer)
        self.assertEqual(self.post("refresh").status, 422)
        self.assertEqual(self.get("me", token=ann.tokens["refresh_token"]).status, 401)
        self.assertEqual(self.post("refresh", refresh_token=ann.tokens["refresh_token"]).status, 200)
