"""Accounts over HTTP: every row of the contract's section on them, and every state of codes and tokens."""
import base64
import json
import re
import unittest

from accounts import Accounts, Person, code_of, mails
from harness import Daemon, make_jwt, wait_until


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


class Codes(Accounts):
    """Codes by mail, on a clock that the tests move. Cases A02 to A09 of the list of attacks are here."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(movable_clock=True).__enter__()

    def wait_out_cooldown(self):
        self.daemon.clock_jump(61)

    def new_code(self, address, purpose="register"):
        before = len(mails(self.daemon, address))
        answer = self.send_code(address, purpose)
        self.assertEqual(answer.status, 200, answer)
        return self.mailed_code(address, before + 1)

    def verify(self, address, code, purpose="register"):
        return self.post("verify-code", email=address, code=code, code_type=purpose)

    def wrong(self, code):
        return f"{(int(code) + 1) % 1000000:06d}"

    def test_register_by_code(self):
        ann = self.person()
        sent = self.send_code(" " + ann.email.upper())
        self.assertEqual((sent.status, sent.json["message"]), (200, "验证码已发送"))
        self.assertEqual(sent.data, {"email": ann.email, "code_type": "register", "cooldown_seconds": 60, "remaining_daily_sends": 9, "expire_minutes": 10})
        code = self.mailed_code(ann.email)
        wrong = self.post("verify-register", **ann.form(code=self.wrong(code)))
        self.assertEqual((wrong.status, wrong.json["message"]), (422, "验证码错误"))
        answer = self.post("verify-register", **ann.form(code=code))
        self.assertEqual((answer.status, answer.json["message"]), (200, "注册成功"))
        ann.enter(answer)
        self.assertEqual(self.get("me", token=ann.tokens["access_token"]).data["email"], ann.email)
        used = self.post("verify-register", **self.person().form(email=ann.email, code=code))
        self.assertEqual((used.status, used.json["message"]), (422, "验证码已使用"))

    def test_code_is_kept_when_the_name_is_taken(self):
        taken, bob = self.registered(), self.person("bob")
        code = self.new_code(bob.email)
        refused = self.post("verify-register", **bob.form(username=taken.name, code=code))
        self.assertEqual((refused.status, refused.json["message"]), (409, "用户名已存在"))
        self.assertEqual(self.post("verify-register", **bob.form(code=code)).status, 200)

    def test_verify_code_spends_it(self):
        bob = self.person("bob")
        code = self.new_code(bob.email)
        good = self.verify(bob.email, code)
        self.assertEqual((good.status, good.json["message"], good.data), (200, "验证成功", {"is_valid": True, "message": "验证码有效"}))
        self.assertEqual(self.verify(bob.email, code).json["message"], "验证码已使用")
        self.assertEqual(self.post("verify-register", **bob.form(code=code)).json["message"], "验证码已使用")
        absent = self.verify(self.person().email, "123456")
        self.assertEqual((absent.status, absent.json["message"]), (422, "验证码不存在或已失效"))
        for malformed in ("12345", "1234567", "12345a", "", None, 123456):
            answer = self.verify(bob.email, malformed)
            self.assertEqual((answer.status, answer.json["detail"][0]["field"]), (422, "body.code"), malformed)

    def test_A02_three_wrong_tries_end_a_code(self):
        bob = self.person("bob")
        code = self.new_code(bob.email)
        for _ in range(3):
            self.assertEqual(self.verify(bob.email, self.wrong(code)).json["message"], "验证码错误")
        right = self.verify(bob.email, code)
        self.assertEqual((right.status, right.json["message"]), (429, "验证码尝试次数过多，请重新获取"))
        self.assertEqual(right.json["detail"]["max_attempts"], 3)
        self.assertIn("retry-after", right.headers)
        self.wait_out_cooldown()
        self.assertEqual(self.verify(bob.email, self.new_code(bob.email)).status, 200)

    def test_A03_parallel_submissions_count_three_and_win_once(self):
        bob = self.person("bob")
        code = self.new_code(bob.email)
        codes = [code if i % 4 == 0 else self.wrong(code) for i in range(100)]
        answers = self.at_once([lambda c=c: self.verify(bob.email, c) for c in codes])
        self.assertLessEqual(sum(a.status == 200 for a in answers), 1)
        self.assertLessEqual(sum(a.json["message"] == "验证码错误" for a in answers), 3)
        self.assertEqual({a.json["message"] for a in answers if a.status == 422} - {"验证码错误", "验证码已使用"}, set())
        # All wrong: exactly three are told so.
        eve = self.person("eve")
        code = self.new_code(eve.email)
        answers = self.at_once([lambda: self.verify(eve.email, self.wrong(code))] * 50)
        self.assertEqual(sorted(a.status for a in answers), [422] * 3 + [429] * 47)

    def test_A03_parallel_sends_send_once(self):
        bob = self.person("bob")
        answers = self.at_once([lambda: self.send_code(bob.email)] * 30)
        self.assertEqual(sorted(a.status for a in answers), [200] + [429] * 29)
        self.mailed_code(bob.email)
        self.assertEqual(len(mails(self.daemon, bob.email)), 1)

    def test_A04_resend_after_the_cooldown_only(self):
        bob = self.person("bob")
        old = self.new_code(bob.email)
        self.daemon.clock_jump(30)
        early = self.send_code(bob.email, "password_reset")  # of either purpose
        self.assertEqual(early.status, 429)
        left = early.json["detail"]["remaining_seconds"]
        self.assertTrue(25 <= left <= 30, left)
        self.assertEqual(early.json["message"], f"发送过于频繁，请在 {left} 秒后重试")
        self.assertEqual(int(early.headers["retry-after"]), left)
        self.daemon.clock_jump(left + 1)
        new = self.new_code(bob.email)
        if new != old:
            self.assertEqual(self.verify(bob.email, old).json["message"], "验证码错误")
        self.assertEqual(self.verify(bob.email, new).status, 200)

    def test_A05_ten_a_day_and_the_day_slides(self):
        bob = self.person("bob")
        for i in range(10):
            sent = self.send_code(bob.email)
            self.assertEqual((sent.status, sent.data["remaining_daily_sends"]), (200, 9 - i))
            self.mailed_code(bob.email, i + 1)  # a mail that cannot leave in time takes its send back
            self.daemon.clock_jump(3600)
        over = self.send_code(bob.email)
        self.assertEqual((over.status, over.json["message"]), (429, "今日发送次数已达上限"))
        self.assertEqual((over.json["detail"]["daily_limit"], over.json["detail"]["daily_count"]), (10, 10))
        self.assertTrue(0 < int(over.headers["retry-after"]) <= 14 * 3600)
        self.daemon.clock_jump(14 * 3600 - 60)
        self.assertEqual(self.send_code(bob.email).status, 429)
        self.daemon.clock_jump(120)
        self.assertEqual(self.send_code(bob.email).status, 200)  # the first of the ten is a day old
        self.wait_out_cooldown()
        self.assertEqual(self.send_code(bob.email).status, 429)

    def test_A06_a_code_lives_ten_minutes(self):
        for age, message in ((590, "验证成功"), (601, "验证码已过期")):
            bob = self.person("bob")
            code = self.new_code(bob.email)
            self.daemon.clock_jump(age)
            self.assertEqual(self.verify(bob.email, code).json["message"], message, age)

    def test_A07_a_code_is_for_one_purpose_and_one_address(self):
        ann, bob = self.registered(), self.person("bob")
        code = self.new_code(bob.email)
        self.assertEqual(self.verify(bob.email, code, "password_reset").json["message"], "验证码不存在或已失效")
        self.assertEqual(self.post("password/reset", email=bob.email, code=code, new_password="battery").json["message"], "验证码不存在或已失效")
        self.assertEqual(self.verify(self.person().email, code).json["message"], "验证码不存在或已失效")
        reset = self.new_code(ann.email, "password_reset")
        self.assertEqual(self.post("verify-register", **self.person().form(email=ann.email, code=reset)).json["message"], "验证码不存在或已失效")
        self.assertEqual(self.verify(ann.email, reset, "password_reset").status, 200)

    def test_reset_password(self):
        ann = self.registered()
        sent = self.post("password/send-code", email=ann.email)
        self.assertEqual((sent.status, sent.json["message"]), (200, "如果该邮箱已注册，您将收到验证码"))
        code = self.mailed_code(ann.email)
        new = Person.secret("new " + ann.password)
        done = self.post("password/reset", email=ann.email, code=code, new_password=new)
        self.assertEqual((done.status, done.json["message"], done.data), (200, "密码重置成功，请使用新密码登录", {"message": "密码重置成功，请使用新密码登录"}))
        self.assertEqual(self.post("login", username=ann.name, password=ann.password).status, 401)
        self.assertEqual(self.post("login", username=ann.name, password=new).status, 200)
        # Whoever was signed in is out.
        self.assertEqual(self.get("me", token=ann.tokens["access_token"]).status, 401)
        self.assertEqual(self.post("refresh", refresh_token=ann.tokens["refresh_token"]).status, 401)

    def test_A01_no_answer_tells_an_account(self):
        ann, nobody = self.registered(), self.person("nobody")
        for address in (ann.email, nobody.email):  # the second send of each meets the cooldown, and says nothing of it
            bodies = [self.post("password/send-code", email=address, **more) for more in ({}, {"code_type": "register"}, {})]
            for answer in bodies:
                self.assertEqual((answer.status, dict(answer.data, email="")), (200, {"email": "", "code_type": "password_reset", "cooldown_seconds": 60,
                                                                                  "remaining_daily_sends": 9, "expire_minutes": 10}))
        wrong = [self.post("password/reset", email=address, code="000000", new_password="battery") for address in (ann.email, nobody.email)]
        self.assertEqual({(a.status, a.json["message"]) for a in wrong} & {(422, "验证码错误")}, {(422, "验证码错误")})
        self.assertEqual(wrong[0].body, wrong[1].body)
        other = [self.registered(), self.person("nobody")]
        for purpose in ("register", "password_reset"):
            self.wait_out_cooldown()
            answers = [self.send_code(who.email, purpose) for who in other]
            self.assertEqual([a.status for a in answers], [200, 200])
            self.assertEqual(dict(answers[0].data, email=""), dict(answers[1].data, email=""))
        # Only where it is of use does a mail leave (A31: and only to the address that was typed).
        self.mailed_code(ann.email)
        self.mailed_code(other[0].email)
        self.mailed_code(other[1].email)
        self.assertEqual([len(mails(self.daemon, a)) for a in (ann.email, nobody.email, other[0].email, other[1].email)], [1, 0, 1, 1])
        self.assertIn("重置", mails(self.daemon, other[0].email)[0]["Subject"])

    def test_A09_leading_zeros_and_length(self):
        codes = []
        for _ in range(40):
            codes.append(self.new_code(self.person().email))
        self.assertEqual({len(c) for c in codes}, {6})
        self.assertGreater(len(set(codes)), 35)
        with self.another(VERIFICATION_CODE_LENGTH=8) as other:
            bob = Person("bob")
            other.post("/api/v1/auth/send-code", {"email": bob.email, "code_type": "register"}, user=None)
            mail = wait_until("the mail", lambda: mails(other, bob.email))[0]
            code = Person.secret(re.search(r"(?<!\d)(\d{8})(?!\d)", mail.get_body(("plain",)).get_content()).group(1))
            short = other.post("/api/v1/auth/verify-code", {"email": bob.email, "code_type": "register", "code": code[:6]}, user=None)
            self.assertEqual((short.status, short.json["detail"][0]["message"]), (422, "必须是 8 位数字"))
            self.assertEqual(other.post("/api/v1/auth/verify-code", {"email": bob.email, "code_type": "register", "code": code}, user=None).status, 200)

    def test_A28_nothing_gets_into_headers(self):
        for address in ("a@example.com\r\nBcc: eve@example.com", "a@example.com\nSubject: x", "\"a b\"@example.com", "a@example.com,eve@example.com", "<a@example.com>"):
            answer = self.send_code(address)
            self.assertEqual((answer.status, answer.json["detail"][0]["field"]), (422, "body.email"), address)
        self.assertEqual(mails(self.daemon, "eve@example.com"), [])

    def test_mail_in_english(self):
        bob = self.person("bob")
        self.assertEqual(self.send_code(bob.email, headers={"Accept-Language": "en"}).json["message"], "code sent")
        self.mailed_code(bob.email)
        mail = mails(self.daemon, bob.email)[0]
        self.assertTrue(mail["Subject"].isascii())
        self.assertEqual([part.get_content_type() for part in mail.iter_parts()], ["text/plain", "text/html"])

    def test_code_for_a_disabled_account_does_not_come(self):
        ann = self.registered()
        self.daemon.cli("user", "disable", ann.name, json_out=False)
        self.assertEqual(self.post("password/send-code", email=ann.email).status, 200)
        bob = self.person("bob")
        self.new_code(bob.email)  # the queue has gone past
        self.assertEqual(mails(self.daemon, ann.email), [])

    def test_registration_may_need_a_code(self):
        with self.another(REGISTRATION_REQUIRES_CODE="true") as other:
            bob = Person("bob")
            answer = other.post("/api/v1/auth/register", bob.form(), user=None)
            self.assertEqual(answer.status, 403)
            self.assertIn("验证码", answer.json["message"])
            other.post("/api/v1/auth/send-code", {"email": bob.email, "code_type": "register"}, user=None)
            code = code_of(wait_until("the mail", lambda: mails(other, bob.email))[0])
            self.assertEqual(other.post("/api/v1/auth/verify-register", bob.form(code=code), user=None).status, 200)
