"""What a server has stored is damaged while it is down: it says so and does not start, and with
--repair it fetches everything from the others and takes part again."""

import os
import subprocess
import tempfile
import shutil
import unittest
from pathlib import Path

from cluster_case import PATIENCE_S, Cluster, LoadedCase, wait_for

ERROR = 1


def flip_a_bit(data):
    """In the middle of the largest file."""
    file = max(data.iterdir(), key=lambda one: one.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def run_server(cluster, site, server, *more):
    """One that does not start."""
    return subprocess.run(
        [cluster.steward, "server", "--cluster", str(cluster.file), "--keys", str(cluster.keys),
         "--site", str(site), "--server", str(server), "--data", str(cluster.data(site, server)),
         *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
        check=False)


class DamagedDisk(LoadedCase):
    """A site of four servers, of which one may be faulty."""

    local = "pbft"
    sites = 1
    # Small: a server that forgot votes again after some checkpoints.
    ordering = ("checkpoint_interval = 16", "wide_checkpoint_interval = 16")
    VICTIM = (0, 3)

    def setUp(self):
        self.write_at([0])

    def refused(self, damage, *words):
        data = self.cluster.data(*self.VICTIM)
        self.cluster.kill_server(*self.VICTIM)
        damage(data)
        result = run_server(self.cluster, *self.VICTIM)
        self.assertEqual(result.returncode, ERROR, result.stderr)
        for word in (str(data), "damaged", "--repair", *words):
            self.assertIn(word, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def repaired(self, aside):
        data = self.cluster.data(*self.VICTIM)
        self.cluster.start_server(*self.VICTIM, more=("--repair",))
        wait_for("the server is back and votes",
                 lambda: (now := self.cluster.status().get(self.VICTIM)) and not now.silent)
        self.assertIn("has forgotten what it promised", self.cluster.log(*self.VICTIM)
                      + str(self.cluster.status()[self.VICTIM].counters))
        self.assertTrue((data.parent / f"{data.name}.damaged-{aside}" / "STEWARD").exists())
        # It is needed now.
        self.cluster.kill_server(0, 1)
        self.progress(10)
        self.cluster.start_server(0, 1)
        self.stop_writers()
        self.wait_equal()
        with self.redis() as redis:
            self.writers[0].verify(self, redis)

    def test_flipped_bit(self):
        self.refused(flip_a_bit)
        self.repaired(1)

    def test_lost_table_of_contents(self):
        self.refused(lambda data: (data / "CURRENT").unlink(), "CURRENT")
        self.repaired(2)


class Alone(unittest.TestCase):
    """A site of one server has nobody to fetch from."""

    def test_is_not_repaired(self):
        directory = Path(tempfile.mkdtemp(prefix="steward-test-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        cluster = Cluster(os.environ["STEWARD"], directory, "paxos", "single")
        self.addCleanup(cluster.stop)
        cluster.write_file()
        cluster.make_keys()
        cluster.start()
        wait_for("the server answers", lambda: (0, 0) in cluster.status())
        cluster.kill_server(0, 0)
        data = cluster.data(0, 0)
        (data / "CURRENT").unlink()
        before = sorted(data.iterdir())
        result = run_server(cluster, 0, 0, "--repair")
        self.assertEqual(result.returncode, ERROR, result.stderr)
        for word in (str(data), "damaged", "no other server"):
            self.assertIn(word, result.stderr)
        self.assertEqual(sorted(data.iterdir()), before)


if __name__ == "__main__":
    unittest.main()
