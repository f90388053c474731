"""A server that answers with lies never gets one past the gateway of its site."""

import os
import unittest

from cluster_case import ClusterCase, wait_for

LIAR = (0, 2)
KEYS = 60


class LyingServer(ClusterCase):
    """One site of four servers, of which one may lie: one does, whatever it is asked."""

    local = "pbft"
    sites = 1

    @classmethod
    def start(cls):
        cls.cluster.start({LIAR: [os.environ["LYING_SERVER"]]})

    def wrong_answers(self, redis):
        lines = redis.command("INFO", "steward").decode().splitlines()
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        return int(facts["steward_wrong_answers"])

    def expect_more_wrong_answers(self, redis, before):
        """The liar's answers may come after the right ones were handed on."""
        wait_for("the gateway notices the lies", lambda: self.wrong_answers(redis) > before)

    def test_writes_are_answered_right(self):
        with self.redis() as redis:
            before = self.wrong_answers(redis)
            for i in range(KEYS):
                self.assertEqual(redis.command("SET", f"write:{i}", f"value {i}"), b"OK")
                self.assertEqual(redis.command("INCR", "write:count"), i + 1)
                self.assertEqual(redis.command("GETSET", f"write:{i}", "new"),
                                 f"value {i}".encode())
            self.expect_more_wrong_answers(redis, before)

    def test_reads_are_answered_right(self):
        for mode in ("local", "linearizable"):
            with self.subTest(mode), self.redis() as redis:
                before = self.wrong_answers(redis)
                redis.command("CONFIG", "SET", "steward-read", mode)
                self.addCleanup(self.read_locally)
                for i in range(KEYS):
                    value = f"{mode} {i}"
                    redis.command("SET", f"read:{i}", value)
                    self.assertEqual(redis.command("GET", f"read:{i}"), value.encode())
                    self.assertIsNone(redis.command("GET", "read:missing"))
                    self.assertEqual(redis.command("MGET", f"read:{i}", "read:missing"),
                                     [value.encode(), None])
                    self.assertEqual(redis.command("STRLEN", f"read:{i}"), len(value))
                self.expect_more_wrong_answers(redis, before)

    def read_locally(self):
        with self.redis() as redis:
            redis.command("CONFIG", "SET", "steward-read", "local")

    def test_one_honest_server_gone_stops_nobody_from_reading_right(self):
        """Three are left, one of them the liar: the two honest ones agree."""
        with self.redis() as redis:
            redis.command("SET", "left", "right")
            self.cluster.kill_server(0, 3)
            self.addCleanup(self.cluster.start_server, 0, 3)
            for _ in range(KEYS):
                self.assertEqual(redis.command("GET", "left"), b"right")


if __name__ == "__main__":
    unittest.main()
