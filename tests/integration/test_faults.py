"""The real daemon under kills, stops, a full disk, a locked database and clock jumps: tests/fault/daemon for a while."""
import os
import random
import re
import subprocess
import unittest

import harness
from harness import ROOT, SHORT

KINDS = ("kill", "kill_start", "term", "pause", "stop", "busy", "busy_long", "full", "clock")


class Faults(unittest.TestCase):
    def test_no_schedule_breaks_a_promise(self):
        """Each kind of fault certainly, then as many schedules as there is time for."""
        seed = os.environ.get("PETFOOD_TEST_SEED", str(random.SystemRandom().randrange(1 << 32)))
        amount = ["--schedules", str(len(KINDS)), "--jobs", "2"] if SHORT else ["--schedules", "100000", "--seconds", "80"]
        done = subprocess.run([str(ROOT / "tests" / "fault" / "daemon"), "--build", str(harness.BUILD), "--seed", seed, *amount],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, "see above; the seed is there")
        self.assertRegex(done.stdout, r"(?m)^violations 0$")
        faults = re.search(r"(?m)^faults +(.*)$", done.stdout).group(1)
        for kind in KINDS:
            self.assertRegex(faults, rf"(^|, ){kind} [1-9]")
        for seen in () if SHORT else ("creates refused on a full disk", "second daemons refused", "reads while the store takes no writes"):
            self.assertIn(seen, faults)


if __name__ == "__main__":
    unittest.main()
