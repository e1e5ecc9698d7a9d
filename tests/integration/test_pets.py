"""Pets over HTTP (CONTRACT 2.7 and 7.1), and plans for stored pets."""
import json
import threading
import unittest

from harness import Daemon, Reader, new_key

DOG = {"name": "豆豆", "type": "dog", "breed": "柯基", "age": 48, "weight": 12.5, "gender": "male", "health_status": "健康",
       "special_requirements": "不要洋葱", "allergens": ["鸡肉"], "health_issues": ["关节炎"]}
LEAST = {"name": "Mia", "type": "cat", "age": 30, "weight": 4.5}
FIELDS = {"id", "user_id", "name", "type", "breed", "age", "weight", "gender", "health_status", "special_requirements", "allergens",
          "health_issues", "avatar_url", "is_active", "has_plan", "created_at", "updated_at"}
MISSING = {"code": 3001, "message": "宠物不存在", "detail": None}
INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"


def at_once(calls):
    """The results of all of them, begun together."""
    results, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def run(i):
        barrier.wait()
        results[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


class WithDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()
        cls.daemon.token()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def call(self, verb, path="", body=None, user="ann", **headers):
        return self.daemon.request(verb, "/api/v1/pets/" + path, body, user=user, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def create(self, body=None, user="ann"):
        return self.call("POST", "", body or LEAST, user=user).data

    def same_error(self, answer, status, body, label=None):
        self.assertEqual((answer.status, answer.json), (status, body), label)


class Pets(WithDaemon):
    def test_create(self):
        answer = self.call("POST", "", DOG)
        self.assertEqual((answer.status, answer.json["code"], answer.json["message"]), (200, 0, "创建成功"))
        pet = answer.data
        self.assertEqual(set(pet), FIELDS)
        self.assertEqual({k: pet[k] for k in DOG}, DOG)
        self.assertEqual((pet["user_id"], pet["avatar_url"], pet["is_active"], pet["has_plan"]), (self.daemon.user_id(), None, True, False))
        self.assertRegex(pet["id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertRegex(pet["created_at"], INSTANT)
        self.assertEqual(pet["created_at"], pet["updated_at"])

    def test_create_the_least(self):
        answer = self.call("POST", "", LEAST)
        nothing = {k: None for k in ("breed", "gender", "health_status", "special_requirements", "avatar_url")}
        self.assertEqual({k: v for k, v in answer.data.items() if k not in ("id", "user_id", "created_at", "updated_at")},
                         dict(LEAST, **nothing, allergens=[], health_issues=[], is_active=True, has_plan=False))
        self.assertIn(b'"weight":4.5,', answer.body)
        nulls = dict(LEAST, breed=None, gender=None, health_status=None, special_requirements=None, allergens=None, health_issues=None)
        self.assertEqual(self.call("POST", "", nulls).data["allergens"], [])

    def test_values_at_their_bounds(self):
        rows = [{"name": "长" * 50}, {"age": 2**31 - 1}, {"weight": 1000}, {"weight": 0.01}, {"breed": "长" * 100}, {"health_status": "长" * 500},
                {"special_requirements": "长" * 500}, {"gender": ""}, {"gender": "female"}, {"breed": ""}, {"allergens": ["长" * 50] * 30},
                {"health_issues": ["x"] * 30}, {"weight": 32.05}]
        for row in rows:
            pet = self.create(dict(LEAST, **row), user="bounds")
            got = self.call("GET", pet["id"], user="bounds").data
            for key, value in row.items():
                self.assertEqual((pet[key], got[key]), (value, value))

    WRONG = [("name", ""), ("name", "x" * 51), ("name", 7), ("type", "bird"), ("type", ""), ("type", 2), ("breed", "x" * 101), ("age", 0), ("age", -1),
             ("age", 1.5), ("age", "old"), ("age", 2**31), ("weight", 0), ("weight", -1), ("weight", 1000.01), ("weight", "NaN"), ("weight", [1]),
             ("gender", "Male"), ("gender", "none"), ("gender", 1), ("health_status", "长" * 501), ("special_requirements", "长" * 501),
             ("allergens", "beef"), ("allergens", {"items": ["beef"]}), ("allergens", ["x"] * 31), ("health_issues", {}), ("breed", {"a": 1})]

    def test_wrong_fields(self):
        pet = self.create(DOG, user="wrong")
        rows = [(key, value, f"body.{key}") for key, value in self.WRONG]
        rows += [("allergens", ["x", "y" * 51], "body.allergens.1"), ("health_issues", [None], "body.health_issues.0"), ("allergens", [1], "body.allergens.0")]
        for key, value, field in rows:
            for answer in (self.call("POST", "", dict(LEAST, **{key: value}), user="wrong"), self.call("PUT", pet["id"], {key: value}, user="wrong")):
                self.assertEqual((answer.status, answer.json["code"], answer.json["message"]), (422, 422, "请求数据验证失败"), f"{key} {value} {answer}")
                self.assertEqual([d["field"] for d in answer.json["detail"]], [field], f"{key} {value} {answer}")
        for key in LEAST:
            for body in ({k: v for k, v in LEAST.items() if k != key}, dict(LEAST, **{key: None})):
                answer = self.call("POST", "", body, user="wrong")
                self.assertEqual([(d["field"], d["type"]) for d in answer.json["detail"]], [(f"body.{key}", "missing")], answer)
        self.assertEqual([d["field"] for d in self.call("POST", "", {}, user="wrong").json["detail"]],
                         ["body.name", "body.type", "body.age", "body.weight"])
        self.assertEqual(self.call("GET", pet["id"], user="wrong").data, pet)
        self.assertEqual(self.call("GET", user="wrong").data["total"], 1)

    def test_direct_callers_are_checked_too(self):
        done = self.daemon.cli("call", "CreatePet", json.dumps(dict(LEAST, name="x" * 51, weight=0)), check=False)
        self.assertEqual(done.returncode, 1, done)
        for field in ("name", "weight"):
            self.assertIn(field, done.stdout + done.stderr)

    def test_list(self):
        self.assertEqual(self.call("GET", user="lists").json, {"code": 0, "message": "获取成功", "data": {"total": 0, "items": []}})
        pets = [self.create(dict(LEAST, name=f"pet {i}"), user="lists") for i in range(12)]
        self.create(user="other")
        listed = self.call("GET", user="lists").data
        self.assertEqual(listed, {"total": 12, "items": pets[::-1]})
        gone = pets.pop(5)
        self.assertEqual(self.call("DELETE", gone["id"], user="lists").status, 200)
        for query in ("", "?is_active=true", "?isActive=true&page=7"):
            self.assertEqual(self.call("GET", query, user="lists").data, {"total": 11, "items": pets[::-1]}, query)
        deleted = self.call("GET", "?is_active=false", user="lists").data
        self.assertEqual((deleted["total"], [p["id"] for p in deleted["items"]], deleted["items"][0]["is_active"]), (1, [gone["id"]], False))
        answer = self.call("GET", "?is_active=maybe", user="lists")
        self.assertEqual((answer.status, answer.json["detail"][0]["field"]), (422, "query.is_active"))

    def test_both_forms_of_the_collection(self):
        for path in ("/api/v1/pets", "/api/v1/pets/"):
            made = self.daemon.post(path, LEAST, user="slash")
            self.assertEqual((made.status, made.json["message"]), (200, "创建成功"), path)
            self.assertEqual(self.daemon.get(path + "?is_active=true", user="slash").data["items"][0], made.data, path)

    def test_get(self):
        pet = self.create(DOG)
        answer = self.call("GET", pet["id"])
        self.assertEqual(answer.json, {"code": 0, "message": "获取成功", "data": pet})

    def test_update(self):
        pet = self.create(DOG)
        rows = [{"name": "Rex"}, {"type": "cat"}, {"breed": "Siam"}, {"breed": ""}, {"age": 49}, {"weight": 4.55}, {"gender": "female"}, {"gender": ""},
                {"health_status": "fat"}, {"special_requirements": ""}, {"allergens": ["beef", "鱼"]}, {"allergens": []}, {"health_issues": []},
                {"name": "Max", "weight": 5, "allergens": ["x"]}]
        for row in rows:
            answer = self.call("PUT", pet["id"], row)
            self.assertEqual((answer.status, answer.json["code"], answer.json["message"]), (200, 0, "更新成功"), answer)
            self.assertGreater(answer.data["updated_at"], pet["updated_at"])
            pet = dict(pet, **row, updated_at=answer.data["updated_at"])
            self.assertEqual(answer.data, pet)
            self.assertEqual(self.call("GET", pet["id"]).data, pet)

    def test_update_leaves_what_is_null_or_missing(self):
        pet = self.create(DOG)
        for body in ({}, {k: None for k in DOG}, None):
            answer = self.call("PUT", pet["id"], body)
            self.assertEqual({k: v for k, v in answer.data.items() if k != "updated_at"}, {k: v for k, v in pet.items() if k != "updated_at"}, body)

    def test_A30_server_owned_fields_are_ignored(self):
        owned = {"id": "mine", "user_id": "x", "is_active": False, "has_plan": True, "avatar_url": "http://evil", "created_at": "2020-01-01T00:00:00Z",
                 "updated_at": "2020-01-01T00:00:00Z", "toy": {"name": ["ball"]}}
        pet = self.create(dict(LEAST, **owned))
        for now in (pet, self.call("PUT", pet["id"], dict(owned, name="New")).data, self.call("GET", pet["id"]).data):
            self.assertEqual((now["id"], now["user_id"], now["is_active"], now["has_plan"], now["avatar_url"], now["created_at"]),
                             (pet["id"], self.daemon.user_id(), True, False, None, pet["created_at"]))
            self.assertNotEqual(now["id"], "mine")
            self.assertNotIn("2020", now["updated_at"])

    def test_delete(self):
        pet = self.create()
        answer = self.call("DELETE", pet["id"])
        self.assertEqual(answer.json, {"code": 0, "message": "删除成功", "data": {"pet_id": pet["id"]}})
        for verb, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
            self.same_error(self.call(verb, pet["id"], body), 404, MISSING, verb)

    def test_pets_of_others_do_not_exist(self):
        pet = self.create(DOG)
        ids = (pet["id"], "0190b2a4-5c6d-4e7f-8a9b-0c1d2e3f4a5b", "nope", "%FF", "a%00b", "%2F", "x" * 300)
        for name in ids:
            for verb, body in (("GET", None), ("PUT", {"name": "Stolen"}), ("DELETE", None)):
                self.same_error(self.call(verb, name, body, user="thief"), 404, MISSING, f"{verb} {name}")
        english = self.call("GET", "nope", Accept_Language="en")
        self.assertEqual((english.status, english.json["code"], english.json["message"]), (404, 3001, "no such pet"))
        self.assertEqual(self.call("GET", pet["id"]).data, pet)

    def test_a_token_is_needed(self):
        pet = self.create()
        for verb, path, body in (("GET", "", None), ("POST", "", LEAST), ("GET", pet["id"], None), ("PUT", pet["id"], {"name": "x"}), ("DELETE", pet["id"], None)):
            self.same_error(self.call(verb, path, body, user=None), 401, {"code": 401, "message": "未提供认证凭据", "detail": None}, f"{verb} {path}")
        self.assertEqual(self.call("GET", pet["id"]).data, pet)

    def test_other_verbs(self):
        for path, verb, allow in (("", "DELETE", {"GET", "POST"}), ("", "PUT", {"GET", "POST"}), ("x", "POST", {"GET", "PUT", "DELETE"}),
                                  ("x", "PATCH", {"GET", "PUT", "DELETE"})):
            answer = self.call(verb, path, {})
            self.assertEqual(answer.status, 405, f"{verb} {path}")
            self.assertLessEqual(allow, set(answer.headers["allow"].split(", ")))

    def test_english(self):
        made = self.call("POST", "", LEAST, Accept_Language="en")
        self.assertEqual(made.json["message"], "created")
        wrong = self.call("PUT", made.data["id"], {"gender": "x"}, Accept_Language="en")
        self.assertEqual([(d["field"], d["message"], d["type"]) for d in wrong.json["detail"]],
                         [("body.gender", 'must be one of: male, female, ""', "enum")])

    def test_limit(self):
        for i in range(200):
            last = self.create(dict(LEAST, name=str(i)), user="breeder")
        answer = self.call("POST", "", LEAST, user="breeder")
        self.same_error(answer, 409, {"code": 409, "message": "宠物数量已达上限（200）", "detail": {"limit": 200}})
        listed = self.call("GET", user="breeder").data
        self.assertEqual((listed["total"], len(listed["items"]), listed["items"][0]), (200, 200, last))
        self.assertEqual(self.call("DELETE", last["id"], user="breeder").status, 200)
        self.create(user="breeder")

    def test_parallel_updates(self):
        pet = self.create(dict(DOG, weight=10))
        changes = [{"name": "A"}, {"age": 50}, {"weight": 11.5}, {"breed": "B"}, {"gender": "female"}, {"health_status": "C"},
                   {"special_requirements": "D"}, {"allergens": []}]
        answers = at_once([lambda c=c: self.call("PUT", pet["id"], c) for c in changes])
        self.assertEqual([a.status for a in answers], [200] * len(changes), answers)
        whole = self.call("GET", pet["id"]).data
        for change, answer in zip(changes, answers):
            for key, value in change.items():
                self.assertEqual((whole[key], answer.data[key]), (value, value))
        self.assertEqual(len({a.data["updated_at"] for a in answers}), len(changes))


class Keys(WithDaemon):
    def keyed(self, verb, path, body, key, user="ann"):
        return self.call(verb, path, body, user=user, Idempotency_Key=key)

    def test_K05_pets(self):
        key, user = new_key(), "keys"
        first = at_once([lambda: self.keyed("POST", "", DOG, key, user)] * 20)
        self.assertEqual({a.body for a in first}, {first[0].body}, first[0])
        pet = first[0].data
        self.assertEqual(self.call("GET", user=user).data["total"], 1)
        updated = self.keyed("PUT", pet["id"], {"name": "Rex"}, key, user)  # another method: the key is free there
        self.assertEqual(updated.data["name"], "Rex")
        self.call("PUT", pet["id"], {"name": "Max"}, user=user)
        gone = self.keyed("DELETE", pet["id"], None, key, user)
        self.assertEqual(gone.data, {"pet_id": pet["id"]})
        # Whatever has become of the pet, each answers as it did, and nothing comes back.
        for _ in range(2):
            self.assertEqual(self.keyed("POST", "", DOG, key, user).body, first[0].body)
            self.assertEqual(self.keyed("PUT", pet["id"], {"name": "Rex"}, key, user).body, updated.body)
            self.assertEqual(self.keyed("DELETE", pet["id"], None, key, user).body, gone.body)
        for verb, path, body in (("POST", "", LEAST), ("PUT", pet["id"], {"name": "x"}), ("DELETE", "x", None)):
            answer = self.keyed(verb, path, body, key, user)
            self.assertEqual((answer.status, answer.json["message"]), (422, "同一幂等键不能用于不同的请求"), verb)
        self.assertEqual(self.call("GET", user=user).data["total"], 0)
        self.same_error(self.keyed("PUT", pet["id"], {"name": "Rex"}, new_key(), user), 404, MISSING)

    def test_K05_plan_whose_pet_is_gone(self):
        pet, key = self.create(dict(DOG, health_issues=[])), new_key()
        body = {"pet_id": pet["id"]}

        def plan(path, key, body=body):
            return self.daemon.post(path, body, headers={"Idempotency-Key": key})

        first = plan("/api/v1/plans/", key)
        task = first.data["task_id"]
        reader = Reader(self.daemon)
        reader.task = task
        reader.read_to_end()
        tasks = self.daemon.get("/api/v1/tasks/").data["total"]
        self.assertEqual(self.call("DELETE", pet["id"]).status, 200)
        for _ in range(2):
            self.assertEqual(plan("/api/v1/plans/", key).body, first.body)
        self.same_error(plan("/api/v1/plans/", new_key()), 404, MISSING)
        self.assertEqual(plan("/api/v1/plans/", key, {"pet_id": "x"}).status, 422)
        self.assertEqual(self.daemon.get("/api/v1/tasks/").data["total"], tasks)

    def test_pets_survive_a_kill(self):
        with Daemon() as daemon:
            pet = daemon.post("/api/v1/pets/", DOG).data
            answer = daemon.request("PUT", f"/api/v1/pets/{pet['id']}", {"weight": 13}, headers={"Idempotency-Key": "k"})
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.get(f"/api/v1/pets/{pet['id']}").data, answer.data)
            again = daemon.request("PUT", f"/api/v1/pets/{pet['id']}", {"weight": 13}, headers={"Idempotency-Key": "k"})
            self.assertEqual(again.body, answer.body)


class Plans(WithDaemon):
    def foods(self, plan):
        weeks = plan["plan_data"]["pet_diet_plan"]["monthly_diet_plan"]
        return {food["name"] for week in weeks for meal in week["weekly_diet_plan"]["daily_diet_plans"] for food in meal["food_items"]}

    def has_plan(self, pet):
        listed = {p["id"]: p["has_plan"] for p in self.call("GET").data["items"]}
        self.assertEqual(listed[pet["id"]], self.call("GET", pet["id"]).data["has_plan"])
        return listed[pet["id"]]

    def test_streamed_plan_for_a_pet(self):
        pet = self.create(dict(DOG, health_issues=[], allergens=["chicken"], special_requirements="no onion"))
        events = self.daemon.stream({"pet_id": pet["id"], "pet_type": "cat", "pet_weight": 3, "neutered": True},
                                    headers={"Accept-Language": "en"}).all()
        plan_id = [e for e in events if e.number][-1].data["plan_id"]
        plan = self.daemon.get(f"/api/v1/plans/{plan_id}").data
        self.assertEqual({k: plan[k] for k in ("pet_id", "pet_type", "pet_breed", "pet_age", "pet_weight", "health_status", "confirmed")},
                         {"pet_id": pet["id"], "pet_type": "dog", "pet_breed": "柯基", "pet_age": 48, "pet_weight": 12.5, "health_status": "健康",
                          "confirmed": False})
        about = plan["plan_data"]["pet_information"]
        self.assertEqual((about["allergens"], about["special_requirements"], about["pet_weight"]), (["chicken"], "no onion", 12.5))
        self.assertFalse([name for name in self.foods(plan) if "chicken" in name.lower() and "egg" not in name.lower()])
        self.assertFalse(self.has_plan(pet))
        self.daemon.post(f"/api/v1/plans/{plan_id}/confirm").data
        self.assertTrue(self.has_plan(pet))
        # The pet goes, its plan stays and still names it.
        self.assertEqual(self.call("DELETE", pet["id"]).status, 200)
        listed = {p["id"]: p["pet_id"] for p in self.daemon.get("/api/v1/plans/?page_size=100").data["items"]}
        self.assertEqual(listed[plan_id], pet["id"])

    def test_plan_for_a_pet_that_is_kept(self):
        pet = self.create(LEAST)
        task = self.daemon.post("/api/v1/plans/", {"pet_id": pet["id"], "special_requirements": "不要牛肉"}).data["task_id"]
        # What is changed meanwhile is for later plans.
        self.call("PUT", pet["id"], {"weight": 5.5})
        reader = Reader(self.daemon)
        reader.task = task
        reader.read_to_end()
        plan = next(p for p in self.daemon.get("/api/v1/plans/?page_size=100").data["items"] if p["task_id"] == task)
        self.assertEqual((plan["pet_id"], plan["pet_type"], plan["pet_weight"]), (pet["id"], "cat", 4.5))
        whole = self.daemon.get(f"/api/v1/plans/{plan['id']}").data
        self.assertEqual(whole["plan_data"]["pet_information"]["special_requirements"], "不要牛肉")
        self.assertTrue(self.has_plan(pet))
        self.assertEqual(self.daemon.delete(f"/api/v1/plans/{plan['id']}").status, 200)
        self.assertFalse(self.has_plan(pet))

    def test_no_such_pet(self):
        gone = self.create(user="planner")
        self.call("DELETE", gone["id"], user="planner")
        ids = (self.create()["id"], gone["id"], "0190b2a4-5c6d-4e7f-8a9b-0c1d2e3f4a5b", "nope")
        for pet_id in ids:
            for path in ("/api/v1/plans", "/api/v1/plans/", "/api/v1/plans/stream"):
                for headers in ({}, {"Idempotency-Key": new_key()}):
                    answer = self.daemon.post(path, {"pet_id": pet_id, "pet_type": "dog"}, user="planner", headers=headers)
                    self.same_error(answer, 404, MISSING, f"{path} {pet_id}")
        self.assertEqual(self.daemon.get("/api/v1/tasks/", user="planner").data["total"], 0)

    def test_a_pet_that_cannot_be(self):
        pet = self.create(dict(LEAST, weight=400))
        for path in ("/api/v1/plans/", "/api/v1/plans/stream"):
            answer = self.daemon.post(path, {"pet_id": pet["id"]})
            self.assertEqual((answer.status, [d["field"] for d in answer.json["detail"]]), (422, ["body.pet_weight"]), answer)
