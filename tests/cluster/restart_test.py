"""Servers that are killed come back, by their own log or by their peers' state; what was
acknowledged is never lost."""

import shutil
import unittest

from cluster_case import LoadedCase, wait_for


class Restart(LoadedCase):
    """Under a load at the gateways of two sites: that of the leader site and another one."""

    local = "pbft"
    # Small, so that logs are truncated while the tests run.
    ordering = ("checkpoint_interval = 16", "wide_checkpoint_interval = 16")

    def setUp(self):
        self.write_at([0, 1])

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

    def leader(self, site):
        """Who leads a site, as most of its servers say, and in which view."""
        said = [(one.local_view, one.local_leader) for (of, _), one in self.cluster.status().items()
                if of == site and not one.local_changing]
        return max(said, key=said.count)

    def replaced(self, site):
        """The leader of a site is killed, and the site goes on without it."""
        view, leader = self.leader(site)
        self.cluster.kill_server(site, leader)
        self.progress(20)
        self.assertGreater(self.leader(site)[0], view)
        self.assertNotEqual(self.leader(site)[1], leader)
        self.cluster.start_server(site, leader)
        self.progress(20)

    def test_killed_local_leader_is_replaced(self):
        self.replaced(1)
        self.finish()

    def test_killed_leader_of_the_leader_site_is_replaced(self):
        self.replaced(0)
        self.replaced(0)
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
