"""What the tests of real processes share: a cluster in a directory of its own, and ways to wait."""

import os
import shutil
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from demolib.cluster import Cluster, ClusterError  # noqa: E402
from demolib.resp import Redis, ReplyError  # noqa: E402

# Bounds a hang; nothing is measured by it.
PATIENCE_S = 90


def wait_for(what, condition, timeout_s=PATIENCE_S):
    """The first true value of condition()."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s} s still not: {what}")
        time.sleep(0.1)


class ClusterCase(unittest.TestCase):
    """One cluster for all tests of a class, which leave all of it running."""

    wide = "paxos"
    local = "single"
    sites = 3
    shaped = False
    ordering = ()
    crypto = ()
    timeouts = ()
    topology = ()

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="steward-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.cluster = Cluster(os.environ["STEWARD"], cls.directory, cls.wide, cls.local,
                              cls.sites, cls.shaped, cls.ordering, cls.crypto, cls.timeouts,
                              cls.topology)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.write_file()
        cls.cluster.make_keys()
        cls.start()
        wait_for("all servers are connected", cls.connected)

    @classmethod
    def start(cls):
        cls.cluster.start()

    @classmethod
    def connected(cls):
        cls.cluster.check_alive()
        servers = cls.cluster.status()
        return (set(servers) == set(cls.cluster.live_servers())
                and all(one.connected() for one in servers.values()))

    def tearDown(self):
        self.cluster.check_alive()

    @classmethod
    def redis(cls, site=0):
        return Redis("127.0.0.1", cls.cluster.gateway_ports[site], timeout_s=PATIENCE_S)

    @classmethod
    def equal(cls):
        """The status of all live servers when they have executed the same, else None."""
        cls.cluster.check_alive()
        servers = cls.cluster.status()
        if set(servers) != set(cls.cluster.live_servers()):
            return None
        states = {(one.sequence, one.digest, one.updates) for one in servers.values()}
        return servers if len(states) == 1 else None

    def wait_equal(self):
        return wait_for("all servers have the same digest at the same sequence", self.equal)


class Writer:
    """Writes new records through one gateway until it is stopped, pipelined, each pipeline ending
    in an INCR. What fails is not sent again: it may have been executed or not."""

    DEPTH = 20
    PAUSE_S = 0.01  # leaves the processors to those who are looked at

    def __init__(self, port, name):
        self.name = name
        self.acknowledged = []  # numbers of pipelines
        self.failed = 0         # pipelines of which the fate is unknown
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def records(self, number):
        return [(f"{self.name}:{number}:{i}", f"value {number * self.DEPTH + i} " + "x" * 100)
                for i in range(self.DEPTH)]

    def stop(self):
        self._stop.set()
        self._thread.join(PATIENCE_S + 60)
        if self._thread.is_alive():
            raise AssertionError(f"writer {self.name} hangs")

    def wait_progress(self, pipelines):
        """Until so many more pipelines are acknowledged."""
        target = len(self.acknowledged) + pipelines
        wait_for(f"writer {self.name} has {pipelines} more answers",
                 lambda: len(self.acknowledged) >= target)

    def verify(self, case, redis):
        """Everything acknowledged is there, and the counter counted each pipeline once."""
        for first in range(0, len(self.acknowledged), self.DEPTH):
            batch = [self.records(number)
                     for number in self.acknowledged[first:first + self.DEPTH]]
            replies = redis.pipeline([("MGET", *(key for key, _ in records))
                                      for records in batch])
            case.assertEqual(replies, [[value.encode() for _, value in records]
                                       for records in batch])
        counter = int(redis.command("GET", f"{self.name}:count") or 0)
        case.assertGreaterEqual(counter, len(self.acknowledged))
        case.assertLessEqual(counter, len(self.acknowledged) + self.failed)

    def _work(self):
        number = 0
        connection = None
        while not self._stop.is_set():
            commands = [("SET", key, value) for key, value in self.records(number)]
            try:
                connection = connection or Redis("127.0.0.1", self._port, timeout_s=PATIENCE_S)
                replies = connection.pipeline([*commands, ("INCR", f"{self.name}:count")])
                errors = [one for one in replies if isinstance(one, ReplyError)]
                if errors:
                    raise errors[0]
                self.acknowledged.append(number)
            except (OSError, ReplyError):
                self.failed += 1
                if connection:
                    connection.close()
                connection = None
                self._stop.wait(0.2)
            number += 1
            self._stop.wait(self.PAUSE_S)
        if connection:
            connection.close()


class LoadedCase(ClusterCase):
    """Tests during which clients write at some gateways, one at each."""

    def write_at(self, sites):
        ports = self.cluster.gateway_ports
        self.writers = [Writer(ports[site], f"{self.id()}:{site}") for site in sites]
        self.addCleanup(self.stop_writers)
        self.progress(5)

    def stop_writers(self):
        for writer in self.writers:
            writer.stop()

    def progress(self, pipelines):
        for writer in self.writers:
            writer.wait_progress(pipelines)


__all__ = ["Cluster", "ClusterCase", "ClusterError", "LoadedCase", "PATIENCE_S", "Redis",
           "ReplyError", "Writer", "wait_for"]
