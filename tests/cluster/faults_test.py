"""Servers are killed, paused, wiped, cut off and flooded while clients work on a few keys through
the gateways of all sites. Each time work goes on, all servers come to the same state, and what the
clients saw is possible: nothing acknowledged is lost, nothing is done twice, ordered reads are
linearizable and the others keep their sessions' guarantees (demolib/history.py)."""

import unittest

from cluster_case import ClusterCase, wait_for
from flood import Flood

from demolib.history import check
from demolib.workload import Gateway, Workload

CUT = 2  # the site that is cut off; it reads without ordering


class Faults(ClusterCase):
    """Three sites of four servers over a wide area that shapes little, so that it can be cut."""

    local = "pbft"
    topology = ('shape = true', 'wide_latency = "1ms"')
    # Small, so that logs are truncated while the tests run.
    ordering = ("checkpoint_interval = 32", "wide_checkpoint_interval = 32")
    # As short as is allowed with the other time-outs as they are.
    timeouts = ('view_change = "1s"',)

    def setUp(self):
        gateways = [Gateway(name, port, number != CUT) for number, (name, port) in
                    enumerate(zip(self.cluster.sites, self.cluster.gateway_ports))]
        self.work = Workload(gateways, self.id(), seed=self.id(), breaks=0.005)
        self.addCleanup(self.work.stop)
        self.progress()

    def progress(self, operations=3, sites=range(3)):
        """Until each client of these sites has so many more updates acknowledged."""
        clients = [one for one in self.work.clients
                   if self.work.gateways.index(one.gateway) in sites]
        targets = [len(one.updates) + operations for one in clients]
        wait_for(f"every client has {operations} more updates acknowledged",
                 lambda: all(len(one.updates) >= target
                             for one, target in zip(clients, targets)))

    def finish(self):
        """Whatever happened: see above."""
        self.progress()
        self.assertTrue(self.work.stop(), "a client hangs")
        operations = self.work.history() + self.work.final_reads(self.work.gateways[0])
        for bad in check(operations):
            self.fail(bad)
        self.wait_equal()

    def leaders(self):
        """(view, index) for each site."""
        return wait_for("every site has a leader",
                        lambda: None not in (now := self.cluster.leaders()) and now)

    def caught_up(self, site, server):
        """Until a server has executed what others had when this was called."""
        others = wait_for("the servers say how far they are", self.cluster.status)
        target = max(one.sequence for one in others.values())
        wait_for(f"server {site}.{server} has caught up",
                 lambda: (site, server) in (now := self.cluster.status())
                 and now[(site, server)].sequence >= target)

    def start_all(self, servers):
        for site, server in servers:
            self.cluster.start_server(site, server)

    def test_followers_killed(self):
        """As many of each site as it tolerates, all at once."""
        down = [(site, (leader + 1) % 4) for site, (_, leader) in enumerate(self.leaders())]
        self.cluster.kill_servers(down)
        self.progress()
        self.start_all(down)
        self.finish()

    def test_leaders_killed(self):
        """Those of all sites at once."""
        before = self.leaders()
        down = [(site, leader) for site, (_, leader) in enumerate(before)]
        self.cluster.kill_servers(down)
        self.progress()
        for (view, _), (old_view, _) in zip(self.leaders(), before):
            self.assertGreater(view, old_view)
        self.start_all(down)
        self.finish()

    def test_leader_paused(self):
        """For longer than the others wait for it: it is replaced, and follows when it wakes up."""
        view, leader = self.leaders()[0]
        self.cluster.pause_server(0, leader)
        try:
            wait_for("the paused leader is replaced", lambda: self.leaders()[0][0] > view)
            self.progress()
        finally:
            self.cluster.resume_server(0, leader)
        self.caught_up(0, leader)
        self.finish()

    def test_site_cut_off(self):
        """Its reads go on, its writes wait, and the others do not notice."""
        self.cluster.cut(CUT)
        try:
            self.progress(20, sites=(0, 1))
            with self.redis(CUT) as redis:
                for _ in range(20):
                    redis.command("GET", self.work.keys[0])
        finally:
            self.cluster.cut(CUT, heal=True)
        self.finish()

    def test_wiped_servers(self):
        """One at a time, each back with the others before the next: a follower, then a leader."""
        leaders = self.leaders()
        for site, server in ((0, (leaders[0][1] + 1) % 4), (1, leaders[1][1])):
            peer = (site, (server + 1) % 4)
            before = self.cluster.status()[peer].stable
            self.cluster.kill_server(site, server)
            self.cluster.wipe_server(site, server)
            self.progress(10)
            wait_for("its peers have truncated their logs",
                     lambda: self.cluster.status()[peer].stable > before)
            self.cluster.start_server(site, server)
            self.caught_up(site, server)
        self.finish()

    def test_restart_loop(self):
        """A server that never lives long, and then does."""
        for _ in range(6):
            self.cluster.kill_server(0, 3)
            self.cluster.start_server(0, 3)
            self.progress(1, sites=(0, 1))
        self.caught_up(0, 3)
        self.finish()

    def test_everything_killed_at_once(self):
        servers = self.cluster.live_servers()
        self.cluster.kill_servers(servers)
        self.start_all(servers)
        self.finish()

    def test_flooded(self):
        """The server that leads the leader site has no time for others, or has."""
        flood = Flood(self.cluster.server_ports[(0, self.leaders()[0][1])], self.directory)
        try:
            wait_for("every kind of flood has come several times", lambda: flood.rounds() > 30)
            self.progress(10)
        finally:
            flood.stop()
        wait_for("all servers are connected", self.connected)
        self.finish()


if __name__ == "__main__":
    unittest.main()
