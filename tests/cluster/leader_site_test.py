"""The leader site is killed, then the next one is cut off, while clients work at the gateways of all
sites: each time another site takes over, who is cut off still reads, who comes back follows, and
nothing acknowledged is lost."""

import unittest

from cluster_case import ClusterCase, wait_for

from demolib.history import check
from demolib.workload import Gateway, Workload


class LeaderSite(ClusterCase):
    """Three sites of four servers over a wide area that shapes little, so that it can be cut."""

    local = "pbft"
    topology = ('shape = true', 'wide_latency = "1ms"')
    timeouts = ('view_change = "1s"', 'client_retry = "1s"')

    CUT = 1

    def setUp(self):
        # The gateway of the site that is cut off answers reads by itself.
        gateways = [Gateway(name, port, site != self.CUT) for site, (name, port) in
                    enumerate(zip(self.cluster.sites, self.cluster.gateway_ports))]
        self.work = Workload(gateways, self.id(), seed=self.id(), breaks=0)
        self.addCleanup(self.work.stop)
        self.progress(range(3))

    def progress(self, sites, operations=3):
        """Until each client of these sites has so many more updates acknowledged."""
        clients = [one for one in self.work.clients
                   if self.work.gateways.index(one.gateway) in sites]
        targets = [len(one.updates) + operations for one in clients]
        wait_for(f"every client of sites {list(sites)} has {operations} more updates acknowledged",
                 lambda: all(len(one.updates) >= target
                             for one, target in zip(clients, targets)))

    def leads(self, site):
        """Until all live servers that answer follow it."""
        return wait_for(f"site {site} leads", lambda: (now := self.cluster.status()) and all(
            one.leader_site == site and not one.wide_changing for one in now.values()))

    def test_lost_and_cut_off(self):
        down = [(0, server) for server in range(4)]
        self.cluster.kill_servers(down)
        self.progress((1, 2))
        self.leads(1)
        for site, server in down:
            self.cluster.start_server(site, server)
        self.progress(range(3))
        self.leads(1)

        with self.redis(self.CUT) as redis:
            redis.command("SET", "written before the cut", "1")
        self.cluster.cut(self.CUT)
        self.progress((0, 2))
        with self.redis(self.CUT) as redis:
            self.assertEqual(redis.command("GET", "written before the cut"), b"1")
        self.cluster.cut(self.CUT, heal=True)
        self.progress(range(3))
        self.leads(2)

        self.assertTrue(self.work.stop(), "a client hangs")
        operations = self.work.history() + self.work.final_reads(self.work.gateways[0])
        for bad in check(operations):
            self.fail(bad)
        self.wait_equal()


if __name__ == "__main__":
    unittest.main()
