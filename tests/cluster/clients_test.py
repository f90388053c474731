"""The clients that people have already, against the gateways of real clusters."""

import os
import subprocess
import unittest

from cluster_case import PATIENCE_S, ClusterCase

BENCHMARKS = ("SET", "GET", "INCR", "MSET (10 keys)")


class Clients:
    """For each kind of cluster."""

    requests = 0

    def run_client(self, site, *command, stdin=""):
        command = [part.format(port=self.cluster.gateway_ports[site]) for part in command]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True,
                                timeout=PATIENCE_S, check=False)
        self.assertEqual(result.returncode, 0, f"{command}: {result.stdout} {result.stderr}")
        return result

    def cli(self, site, *arguments, stdin=""):
        return self.run_client(site, "redis-cli", "-p", "{port}", *arguments, stdin=stdin).stdout

    def test_redis_cli(self):
        self.assertEqual(self.cli(0, "SET", "cli:greeting", "hello world"), "OK\n")
        self.assertEqual(self.cli(2, "CONFIG", "SET", "steward-read", "linearizable"), "OK\n")
        self.assertEqual(self.cli(2, "GET", "cli:greeting"), "hello world\n")
        self.assertEqual(self.cli(2, "-3", "GET", "cli:missing"), "\n")
        self.assertEqual(self.cli(2, "CONFIG", "SET", "steward-read", "local"), "OK\n")
        self.assertIn("steward_wrong_answers:0", self.cli(1, "INFO", "steward"))
        self.assertEqual(self.cli(1, stdin="MULTI\nINCR cli:n\nINCR cli:n\nEXEC\n").split(),
                         ["OK", "QUEUED", "QUEUED", "1", "2"])
        self.assertIn("ERR unknown command 'LPUSH'", self.cli(1, "LPUSH", "list", "1"))
        lines = "".join(f"SET cli:mass:{i} {i}\r\n" for i in range(1000))
        self.assertIn("errors: 0, replies: 1000", self.cli(1, "--pipe", stdin=lines))
        found = self.cli(1, "--scan", "--pattern", "cli:mass:*").split()
        self.assertEqual(sorted(found), sorted(f"cli:mass:{i}" for i in range(1000)))

    def test_redis_benchmark(self):
        result = self.run_client(1, "redis-benchmark", "-p", "{port}", "-t", "set,get,incr,mset",
                                 "-n", str(self.requests), "-c", "50", "-P", "16", "-q")
        said = result.stdout + result.stderr
        for name in BENCHMARKS:
            self.assertRegex(said, rf"{name.split()[0]}.*requests per second")
        self.assertNotRegex(said, "(?i)error|warning")
        self.wait_equal()

    def test_hiredis(self):
        for site in range(len(self.cluster.sites)):
            self.run_client(site, os.environ["HIREDIS_CLIENT"], "{port}")


class FlatPaxos(Clients, ClusterCase):
    requests = 20000


class PaxosOverPbft(Clients, ClusterCase):
    """With wide-area links as they are in earnest."""

    local = "pbft"
    shaped = True
    requests = 2000


if __name__ == "__main__":
    unittest.main()
