"""tools/failover, shortened: each time its leader is killed a cluster goes on, and loses nothing. How
long that takes is what the tool itself is for."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from cluster_case import PATIENCE_S

from demolib.failover import Failover, new_cluster

TOOL = Path(__file__).resolve().parents[2] / "tools" / "failover"
KILLS = 3


class Failovers(unittest.TestCase):
    def test_leaders_are_replaced_and_nothing_is_lost(self):
        directory = Path(tempfile.mkdtemp(prefix="steward-test-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        cluster = new_cluster(os.environ["STEWARD"], directory, ('view_change = "1s"',))
        self.addCleanup(cluster.stop)
        failover = Failover(cluster, clients=4)
        failover.start()
        for number in range(KILLS):
            self.assertEqual(failover.kill_once(number).faults, [])
        self.assertEqual(failover.lost_since(), [])


class Arguments(unittest.TestCase):
    """What the tool is told wrongly ends with one line and code 128."""

    def run_tool(self, *arguments):
        return subprocess.run([sys.executable, "-B", TOOL, *arguments], capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False)

    def test_help(self):
        result = self.run_tool("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--repetitions", result.stdout)

    def test_bad_ones(self):
        for arguments in (("--repetitions", "0"), ("--clients", "many"), ("--nonsense",),
                          ("--view-change", "soon"), ("--steward", "/nowhere/steward")):
            with self.subTest(arguments):
                result = self.run_tool(*arguments)
                self.assertEqual(result.returncode, 128)
                self.assertIn("failover: ", result.stderr)


if __name__ == "__main__":
    unittest.main()
