"""Servers renew the shares of their site's key while clients write; and what renewals leave in the
files."""

import json
import unittest

from cluster_case import LoadedCase, wait_for


class Refresh(LoadedCase):
    """Two sites with BLS keys."""

    local = "pbft"
    sites = 2
    crypto = ('scheme = "bls12-381"',)

    def setUp(self):
        self.write_at([0, 1])

    def finish(self):
        """No request has failed, and nothing that was acknowledged is lost."""
        self.progress(5)
        self.stop_writers()
        self.wait_equal()
        for site, writer in enumerate(self.writers):
            self.assertEqual(writer.failed, 0)
            with self.redis(site) as redis:
                writer.verify(self, redis)
        for server in self.cluster.status().values():
            self.assertEqual(server.evidence, [])

    def share_file(self, site, server):
        path = self.cluster.folder(f"server-{site}-{server}") / "site.share"
        return json.loads(path.read_text())

    def epochs(self, site):
        return {(one.share_epoch, one.own_share_epoch)
                for (of, _), one in self.cluster.status().items() if of == site}

    def test_no_client_notices(self):
        before = max(self.epochs(0))[0]
        old = [self.share_file(0, server)["share"] for server in range(4)]
        for renewal in range(1, 4):
            said = self.cluster.refresh_keys(0)
            self.assertIn(f"epoch {before + renewal}, all 4 servers hold new shares", said)
            self.progress(3)
        for server in range(4):
            file = self.share_file(0, server)
            self.assertEqual(file["epoch"], before + 3)
            self.assertNotEqual(file["share"], old[server])
        self.finish()

    def test_a_server_that_was_down_follows(self):
        self.cluster.kill_server(1, 3)
        self.progress(3)
        before = max(self.epochs(1))[0]
        self.cluster.refresh_keys(1)
        self.cluster.start_server(1, 3)
        wait_for("it has a share of the new epoch",
                 lambda: self.epochs(1) == {(before + 1, before + 1)} and
                 self.share_file(1, 3)["epoch"] == before + 1)
        self.finish()

    def test_all_servers_come_back_with_their_new_shares(self):
        before = max(self.epochs(0))[0]
        self.cluster.refresh_keys(0)
        self.stop_writers()
        servers = [(0, server) for server in range(4)]
        self.cluster.kill_servers(servers)
        for server in servers:
            self.cluster.start_server(*server)
        wait_for("all sign", lambda: self.cluster.status().keys() >= set(servers) and
                 self.epochs(0) == {(before + 1, before + 1)})
        with self.redis(0) as redis:
            self.assertEqual(redis.command("SET", "after", "all"), b"OK")


if __name__ == "__main__":
    unittest.main()
