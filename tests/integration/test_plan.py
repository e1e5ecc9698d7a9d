"""A plan over server-sent events: order, progress, shape, storing, listing, deleting."""
import collections
import json
import re
import unittest

from harness import PET, Daemon, Reader, new_key, wait_until


class PlanOverStream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()
        cls.reader = Reader(cls.daemon)
        cls.reader.read_to_end(PET)
        cls.events = cls.reader.numbered

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def one(self, kind):
        found = [e for e in self.events if e.type == kind]
        self.assertTrue(found, kind)
        return found[0]

    def test_order_of_contract_3_2(self):
        self.reader.check_dense()
        kinds = [e.type for e in self.events]
        self.assertEqual(kinds[0], "task_created")
        self.assertEqual(set(self.events[0].data) - {"type", "task_id", "progress", "timestamp", "message"}, set())
        counts = collections.Counter(kinds)
        for kind, want in {"task_created": 1, "research_finalizing": 1, "dispatching": 1, "task_delegating": 4, "week_planning": 4,
                           "week_completed": 4, "gathering": 1, "structuring": 1, "structured": 1, "completed": 1, "error": 0}.items():
            self.assertEqual(counts[kind], want, f"{kind}: {kinds}")
        at = {kind: [i for i, k in enumerate(kinds) if k == kind] for kind in counts}
        subagents = [e for e in self.events if str(e.data.get("node", "")).startswith("subagent_")]
        self.assertTrue(subagents)
        for event in subagents:
            self.assertRegex(event.data["node"], r"^subagent_[0-9a-f]{16}$")
            self.assertEqual(event.data["detail"]["view_type"], "subagent_dispatch")
        started = [e.data["node"] for e in subagents if e.type == "task_executing"]
        ended = [e.data["node"] for e in subagents if e.type == "task_completed"]
        self.assertEqual(sorted(started), sorted(ended))
        final = at["research_finalizing"][0]
        self.assertLess(max(self.events.index(e) for e in subagents), final)
        self.assertLess(final, at["task_delegating"][0])
        self.assertLess(at["task_delegating"][-1], at["dispatching"][0])  # CONTRACT 9
        self.assertLess(at["dispatching"][0], at["week_planning"][0])
        self.assertLess(at["week_completed"][-1], at["gathering"][0])
        self.assertLess(at["gathering"][0], at["structuring"][0])
        self.assertLess(at["structuring"][0], at["structured"][0])
        self.assertEqual(kinds[-2:], ["completed", "task_completed"])
        self.assertIn("plan_id", self.events[-1].data)
        self.assertEqual([e.type for e in self.reader.unnumbered], ["done"])
        for kind in ("week_planning", "week_completed"):
            weeks = sorted(e.data["detail"]["week_number"] for e in self.events if e.type == kind)
            self.assertEqual(weeks, [1, 2, 3, 4])
        for event in self.events:
            if event.type.startswith("week_"):
                self.assertEqual(event.data["node"], f"week_agent_{event.data['detail']['week']}")
        for week in range(1, 5):
            planning = [i for i, e in enumerate(self.events) if e.type == "week_planning" and e.data["detail"]["week"] == week]
            completed = [i for i, e in enumerate(self.events) if e.type == "week_completed" and e.data["detail"]["week"] == week]
            self.assertLess(planning[0], completed[0])

    def test_progress_rises_to_100_and_never_falls(self):
        progress = [e.data["progress"] for e in self.events if "progress" in e.data]
        self.assertEqual(progress, sorted(progress))
        self.assertGreater(len(set(progress)), 8)
        self.assertEqual(progress[-1], 100)
        self.assertTrue(all(isinstance(p, int) and 0 <= p <= 100 for p in progress))

    def test_timestamps_are_rfc3339(self):
        for event in self.events[1:]:
            self.assertRegex(event.data["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", event)

    def test_plan_document_of_contract_4(self):
        plans = self.one("completed").data["detail"]["plans"]
        self.assertEqual([w["oder"] for w in plans], [1, 2, 3, 4])
        mains = set()
        for week in plans:
            for field in ("diet_adjustment_principle", "weekly_special_adjustment_note"):
                self.assertTrue(week[field])
            self.assertTrue(week["suggestions"] and all(isinstance(s, str) for s in week["suggestions"]))
            self.assertGreaterEqual(len(week["dishes"]), 2)
            mains.add(tuple(week["main_food_ids"]))
            foods = set()
            for meal in week["weekly_diet_plan"]["daily_diet_plans"]:
                self.assertRegex(meal["time"], r"^\d\d:\d\d$")
                self.assertTrue(meal["cook_method"])
                for item in meal["food_items"]:
                    foods.add(item["food_id"])
                    self.assertGreater(item["weight"], 0)
                    self.assertEqual(set(item["macro_nutrients"]), {"protein", "fat", "carbohydrates", "dietary_fiber"})
                    micro = item["micro_nutrients"]
                    for name, unit in {"vitamin_a": "IU", "vitamin_d": "IU", "calcium": "mg", "zinc": "mg", "taurine": "mg"}.items():
                        self.assertEqual(micro[name]["unit"], unit)
                    for amount in micro["additional_nutrients"].values():
                        self.assertGreater(amount["value"], 0)
            self.assertLessEqual(len(foods), 14)
            text = json.dumps(week, ensure_ascii=False)
            self.assertNotIn("onion", text.lower().replace("no onion", ""))
        self.assertGreaterEqual(len(mains), 3, "different main proteins over the weeks")

    def test_advice_is_the_message_of_completed(self):
        completed = self.one("completed").data
        self.assertEqual(completed["message"], completed["detail"]["ai_suggestions"])
        self.assertGreater(len(completed["message"]), 40)

    def test_result_is_the_completed_event(self):
        result = self.daemon.get(f"/api/v1/tasks/{self.reader.task}/result").data
        self.assertEqual(result["task_id"], self.reader.task)
        self.assertEqual(result["output"], self.one("completed").data)

    def test_polling_gives_the_same_events(self):
        events, after = [], 0
        while True:
            page = self.daemon.get(f"/api/v1/tasks/{self.reader.task}/events?after={after}&limit=7").data
            events += page["events"]
            after = events[-1]["number"]
            if page["terminal"]:
                break
        self.assertEqual([e["number"] for e in events], [e.number for e in self.events])
        self.assertEqual([e["data"] for e in events], [e.data for e in self.events])
        self.assertEqual(page["last"], len(self.events))
        self.assertEqual([e["terminal"] for e in events], [False] * (len(events) - 1) + [True])

    def test_task_is_completed(self):
        task = self.daemon.get(f"/api/v1/tasks/{self.reader.task}").data
        self.assertEqual((task["status"], task["progress"], task["task_type"], task["attempt"]), ("completed", 100, "diet_plan", 1))
        self.assertIsNone(task["error_message"])
        for field in ("created_at", "started_at", "completed_at"):
            self.assertRegex(task[field], r"Z$")

    def test_draft_confirm_list_delete(self):
        reader = Reader(self.daemon, user="bob")
        reader.read_to_end(dict(PET, pet_weight=4.5, pet_type="cat", pet_breed="布偶猫", bcs=5))
        plan_id = reader.numbered[-1].data["plan_id"]
        plan = self.daemon.get(f"/api/v1/plans/{plan_id}", user="bob").data
        self.assertEqual((plan["pet_weight"], plan["pet_type"], plan["confirmed"]), (4.5, "cat", False))
        self.assertEqual(plan["plan_data"]["pet_diet_plan"]["monthly_diet_plan"], reader.numbered[-2].data["detail"]["plans"])
        self.assertEqual(self.daemon.get("/api/v1/plans/", user="bob").data["total"], 0)
        first = self.daemon.post(f"/api/v1/plans/{plan_id}/confirm", user="bob")
        self.assertEqual((first.data["plan_id"], first.json["message"]), (plan_id, "保存成功"))
        self.assertEqual(self.daemon.post(f"/api/v1/plans/{plan_id}/confirm", user="bob").data, first.data)
        listed = self.daemon.get("/api/v1/plans/?pet_type=cat", user="bob").data
        self.assertEqual((listed["total"], [p["id"] for p in listed["items"]]), (1, [plan_id]))
        self.assertEqual(self.daemon.get("/api/v1/plans?pet_type=dog", user="bob").data["items"], [])
        # Nobody else sees it.
        for verb, path in (("GET", ""), ("DELETE", ""), ("POST", "/confirm")):
            self.assertEqual(self.daemon.request(verb, f"/api/v1/plans/{plan_id}{path}", user="eve").status, 404)
        self.assertEqual(self.daemon.get(f"/api/v1/tasks/{reader.task}", user="eve").status, 404)
        self.assertEqual(self.daemon.get(f"/api/v1/tasks/{reader.task}/events", user="eve").status, 404)
        self.assertEqual(self.daemon.delete(f"/api/v1/plans/{plan_id}", user="bob").data, {"plan_id": plan_id})
        gone = self.daemon.delete(f"/api/v1/plans/{plan_id}", user="bob")
        self.assertEqual((gone.status, gone.json["message"]), (404, "饮食计划不存在"))

    def test_plain_create_is_kept_at_once(self):
        made = self.daemon.post("/api/v1/plans/", PET, user="carl")
        self.assertEqual((made.data["status"], made.json["message"]), ("pending", "饮食计划任务已创建"))
        reader = Reader(self.daemon, user="carl")
        reader.task = made.data["task_id"]
        reader.read_to_end()
        listed = self.daemon.get("/api/v1/plans/", user="carl").data
        self.assertEqual([p["task_id"] for p in listed["items"]], [reader.task])

    def test_same_idempotency_key_is_one_task(self):
        key = {"Idempotency-Key": new_key()}
        first = self.daemon.post("/api/v1/plans/", PET, user="dora", headers=key)
        again = self.daemon.post("/api/v1/plans/", PET, user="dora", headers=key)
        self.assertEqual(first.data, again.data)
        other = self.daemon.post("/api/v1/plans/", dict(PET, pet_weight=13), user="dora", headers=key)
        self.assertEqual(other.status, 422)
        self.assertEqual(self.daemon.get("/api/v1/tasks/", user="dora").data["total"], 1)
        key = {"Idempotency-Key": new_key()}
        streams = [self.daemon.stream(PET, user="fred", headers=key).all() for _ in range(2)]
        self.assertEqual(*[[(e.number, e.text) for e in s if e.number] for s in streams])

    def test_finished_stream_without_and_with_cursor(self):
        task, last = self.reader.task, self.events[-1].number
        answer = self.daemon.stream(task=task).all()
        self.assertEqual([e.type for e in answer], ["task_completed", "done"])
        self.assertEqual([e.number for e in answer], [None, None])
        self.assertEqual(answer[0].data["plan_id"], self.events[-1].data["plan_id"])
        self.assertEqual(answer[0].data["result"], self.one("completed").data)
        self.assertEqual(self.daemon.stream(task=task, after=last).open().status, 204)
        rest = self.daemon.stream(task=task, after=last - 2).all()
        self.assertEqual([e.number for e in rest], [last - 1, last, None])
        for cursor in (last + 1, "abc", "-1", "0x1", "9" * 40):
            events = self.daemon.stream(task=task, after=cursor).all()
            self.assertEqual(events[0].type, "reset", cursor)
            numbers = [e.number for e in events if e.number]
            self.assertIn(numbers, ([], list(range(1, last + 1))), cursor)
        by_query = self.daemon.get(f"/api/v1/plans/stream?task_id={task}&last_event_id={last}")
        self.assertEqual(by_query.status, 204)

    def test_stream_headers(self):
        stream = self.daemon.stream(task=self.reader.task, after=1).open()
        self.assertEqual(stream.headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual(stream.headers["cache-control"], "no-cache")
        self.assertEqual(stream.headers["x-accel-buffering"], "no")
        self.assertNotIn("content-encoding", stream.headers)
        stream.all()
        self.assertTrue(stream.retry and stream.retry > 0)

    def test_unknown_task_is_404(self):
        for path in ("/api/v1/tasks/nope", "/api/v1/tasks/nope/result", "/api/v1/plans/stream?task_id=nope", "/api/v1/plans/nope"):
            self.assertEqual(self.daemon.get(path).status, 404, path)

    def test_paging(self):
        for _ in range(3):
            self.daemon.post("/api/v1/plans/", PET, user="gina")
        page = self.daemon.get("/api/v1/tasks/?page=2&page_size=2", user="gina").data
        self.assertEqual((page["total"], page["page"], page["page_size"], len(page["items"])), (3, 2, 2, 1))
        self.assertEqual(self.daemon.get("/api/v1/tasks/?page=9", user="gina").data["items"], [])
        for bad in ("page=0", "page_size=101", "page=x", "status=fine", "task_type=create"):
            answer = self.daemon.get(f"/api/v1/tasks/?{bad}", user="gina")
            self.assertEqual(answer.status, 422, bad)
            self.assertEqual(answer.json["detail"][0]["field"], "query." + bad.split("=")[0])

    def test_refusal_says_why(self):
        reader = Reader(self.daemon)
        reader.read_to_end(dict(PET, health_status="终末期 IRIS 4期，四期肾病"))
        self.assertEqual([e.type for e in reader.numbered][-1], "error")
        self.assertGreater(len(reader.numbered[-1].data["error"]), 10)
        task = self.daemon.get(f"/api/v1/tasks/{reader.task}").data
        self.assertEqual((task["status"], task["error_message"]), ("failed", reader.numbered[-1].data["error"]))
        unfinished = self.daemon.get(f"/api/v1/tasks/{reader.task}/result")
        self.assertEqual(unfinished.status, 400)

    def test_english(self):
        reader = Reader(self.daemon)
        stream = self.daemon.stream(dict(PET, pet_breed="Corgi", special_requirements="no onion"), headers={"Accept-Language": "en"})
        events = stream.all()
        completed = [e for e in events if e.type == "completed"][0]
        self.assertFalse(re.search(r"[\u4e00-\u9fff]", completed.data["message"]), completed.data["message"])


class BridgeOfItsOwn(unittest.TestCase):
    def test_a_second_process_serves_http_over_the_socket(self):
        with Daemon(PLANNER_PACE_MS=20) as daemon:
            edge = Daemon(PETFOOD_ROLE="bridge")
            edge.dir.rmdir()
            edge.dir = daemon.dir  # the same data directory: key and sockets, but no database of its own
            edge.start()
            try:
                self.assertNotEqual(edge.port, daemon.port)
                self.assertEqual(edge.get("/readyz", user=None).status, 200)
                reader = Reader(edge)
                reader.read(PET, until=lambda e: e.number == 6)
                reader.daemon = daemon  # the line is lost, and the other bridge goes on with it
                reader.read_to_end()
                reader.check_dense()
                self.assertEqual(reader.numbered[-1].type, "task_completed")
                ended = edge.stream(task=reader.task).all()
                self.assertEqual([e.type for e in ended], ["task_completed", "done"])
                self.assertEqual(edge.get("/api/v1/tasks/", user=None).status, 401)
                daemon.kill()
                self.assertEqual(edge.get("/health", user=None).status, 200)
                self.assertEqual(edge.get("/readyz", user=None).status, 503)
                self.assertEqual(edge.get("/api/v1/tasks/").status, 503)
                daemon.start()
                wait_until("the bridge to find its service again", lambda: edge.get("/api/v1/tasks/").status == 200)
            finally:
                self.assertEqual(edge.stop(), 0)


if __name__ == "__main__":
    unittest.main()
