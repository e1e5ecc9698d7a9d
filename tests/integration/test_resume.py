"""Lost lines: cut at random bytes, also inside a frame and inside a UTF-8 character; resume; 1..n once, always."""
import unittest

from harness import PET, SHORT, Cut, Daemon, Reader, seeded


class CutAndResume(unittest.TestCase):
    def test_S01_200_random_cuts_while_the_plan_is_made(self):
        rng = seeded("200 cuts")
        cuts_wanted, cuts, inside_frame, inside_character = (40 if SHORT else 200), 0, 0, 0
        with Daemon(PLANNER_PACE_MS=20) as daemon:
            truth = None
            while cuts < cuts_wanted:
                reader = Reader(daemon, user="ann")
                body = dict(PET)
                while not reader.finished:
                    # Small budgets cut heads and the first frames, large ones the finished plan.
                    budget = rng.choice((rng.randrange(1, 900), rng.randrange(300, 3000), rng.randrange(2000, 400000)))
                    stream = daemon.stream(body=body if reader.task is None else None, task=reader.task, after=reader.last, budget=budget)
                    try:
                        if stream.open().status == 204:
                            break
                        for event in stream.events():
                            reader.take(event)
                    except Cut:
                        cuts += 1
                        left = stream.connection.buffer
                        inside_frame += bool(left)
                        if left and left[-1] >= 0x80:
                            try:
                                left.decode()
                            except UnicodeDecodeError:
                                inside_character += 1
                    finally:
                        stream.close()
                    if reader.task is None:
                        reader = Reader(daemon)  # cut before the task's number: begin anew, as a browser would
                reader.check_dense()
                self.assertEqual(reader.numbered[-1].type, "task_completed")
                self.assertEqual(sum(e.type in ("task_completed", "error") and "plan_id" in e.data for e in reader.numbered), 1)
                whole = daemon.get(f"/api/v1/tasks/{reader.task}/events?limit=1000").data["events"]
                self.assertEqual([e["data"] for e in whole], [e.data for e in reader.numbered])
                truth = whole
            print(f"{cuts} cuts, tasks of {len(truth)} events")

    def test_S10_two_tabs_get_the_same(self):
        with Daemon(PLANNER_PACE_MS=10) as daemon:
            first = Reader(daemon)
            first.read(PET, until=lambda e: e.number == 5)
            second = Reader(daemon)
            second.task = first.task
            second.read_to_end()
            first.read_to_end()
            first.check_dense()
            self.assertEqual([e.text for e in first.numbered], [e.text for e in second.numbered])
            self.assertEqual(second.unnumbered[0].type, "resumed")

    def test_heartbeat_and_bench_events(self):
        with Daemon(PETFOOD_BENCH="true", SSE_HEARTBEAT_SECONDS=1) as daemon:
            stream = daemon.stream({"events": 2, "interval_ms": 1300})
            events = stream.all()
            numbers = [e.number for e in events if e.number]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
            bench = [e.data["detail"]["bench"] for e in events if "bench" in e.data.get("detail", {})]
            self.assertEqual(bench, [{"index": 1, "of": 2}, {"index": 2, "of": 2}])
            self.assertGreaterEqual(stream.comments, 1)
        with Daemon() as daemon:
            refused = daemon.post("/api/v1/plans/stream", {"events": 2, "interval_ms": 1})
            self.assertEqual(refused.status, 422, refused)


if __name__ == "__main__":
    unittest.main()
