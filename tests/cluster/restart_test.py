"""Servers that are killed come back, by their own log or by their peers' state; what was
acknowledged is never lost."""

import shutil
import unittest

from cluster_case import ClusterCase, Writer, wait_for


class Restart(ClusterCase):
    """Under a load at the gateways of two sites: that of the leader site and another one."""

    local = "pbft"
    # Small, so that logs are truncated while the tests run.
    ordering = ("checkpoint_interval = 16", "wide_checkpoint_interval = 16")

    def setUp(self):
        ports = self.cluster.gateway_ports
        self.writers = [Writer(ports[site], f"{self.id()}:{site}") for site in (0, 1)]
        self.addCleanup(self.stop_writers)
        self.progress(5)

    def stop_writers(self):
        for writer in self.writers:
            writer.stop()

    def progress(self, pipelines):
        for writer in self.writers:
            writer.wait_progress(pipelines)

    def finish(self, failures_allowed=False):
        self.stop_writers()
        self.wait_equal()
        for site, writer in enumerate(reversed(self.writers)):
            with self.redis(site) as redis:
                redis.command("CONFIG", "SET", "steward-read", "linearizable")
                writer.verify(self, redis)
                redis.command("CONFIG", "SET", "steward-read", "local")
            if not failures_allowed:
                self.assertEqual(writer.failed, 0)

    def stable(self, server):
        return self.cluster.status()[server].stable

    def test_killed_server_replays_and_catches_up(self):
        self.cluster.kill_server(1, 3)
        self.progress(20)
        self.cluster.start_server(1, 3)
        self.progress(20)
        self.finish()

    def test_killed_local_leader_comes_back(self):
        """Nobody else leads in this version, so its site waits for it."""
        self.cluster.kill_server(1, 0)
        self.writers[0].wait_progress(20)  # the other sites go on
        self.cluster.start_server(1, 0)
        self.progress(20)
        self.finish()

    def test_killed_leader_of_the_leader_site_comes_back(self):
        self.cluster.kill_server(0, 0)
        self.cluster.start_server(0, 0)
        self.progress(20)
        self.finish()

    def test_wiped_server_fetches_the_state(self):
        self.cluster.kill_server(2, 3)
        shutil.rmtree(self.cluster.data(2, 3))
        peer = (2, 2)
        before = self.stable(peer)
        wait_for("its peers have truncated their logs",
                 lambda: self.stable(peer) > before and self.stable(peer) > 16)
        self.cluster.start_server(2, 3)
        self.progress(20)
        self.finish()

    def test_all_servers_killed_at_once(self):
        servers = self.cluster.live_servers()
        self.cluster.kill_servers(servers)
        for site, server in servers:
            self.cluster.start_server(site, server)
        self.progress(20)
        self.finish(failures_allowed=True)


if __name__ == "__main__":
    unittest.main()
