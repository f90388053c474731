"""Kills the leader of a flat PBFT cluster again and again under a workload: what tools/failover
shows and its test checks."""

import time
from collections import namedtuple

from demolib.cluster import Cluster, ClusterError
from demolib.history import check
from demolib.resp import Redis
from demolib.workload import Gateway, Workload

PATIENCE_S = 60
# A repetition is over after so many updates of each client before the kill and after it.
UPDATES = 5

# gap_s: the longest time without an acknowledged update, from the last one before the kill until
# work had gone on. wait_s: the longest that one client waited for one answer. faults: what the
# history shows that should not be.
Kill = namedtuple("Kill", "leader gap_s wait_s back_s updates unknown faults")


def new_cluster(steward, directory, timeouts=()):
    """One site of four servers: PBFT as it is without sites, with views that change."""
    return Cluster(steward, directory, "paxos", "pbft", sites=1, shaped=False, timeouts=timeouts)


class Failover:
    """Each repetition has keys of its own, which are looked at again at the end."""

    def __init__(self, cluster, clients, pause_s=0.0):
        self.cluster = cluster
        self.clients = clients
        self.pause_s = pause_s
        self.expected = {}  # what the keys of earlier repetitions held

    def start(self):
        self.cluster.write_file()
        self.cluster.make_keys()
        self.cluster.start()
        self.wait("all servers are connected", self.connected)

    def kill_once(self, number):
        """One repetition: the leader dies under the workload and comes back."""
        gateway = Gateway("gateway", self.cluster.gateway_ports[0], strong=True)
        work = self.wait("the gateway answers", lambda: self.new_work(gateway, number))
        try:
            self.progress(work)
            view, leader = self.wait("there is a leader", lambda: self.cluster.leaders()[0])
            self.cluster.kill_server(0, leader)
            killed = time.monotonic()
            self.progress(work)
            until = time.monotonic()
            self.cluster.start_server(0, leader)
            self.wait(f"server 0.{leader} has caught up", lambda: self.caught_up(leader))
            back_s = time.monotonic() - until
        finally:
            stopped = work.stop()
        final = work.final_reads(gateway)
        self.expected.update((one.key, one.result) for one in final)
        faults = check(work.history() + final)
        if not stopped:
            faults.append("a client hangs")
        if self.cluster.leaders()[0] == (view, leader):
            faults.append(f"view {view} went on without its leader")
        times = [one for one in work.updates() if one <= until]
        first = max([i for i, one in enumerate(times) if one <= killed], default=0)
        gap_s = max(after - before for before, after in zip(times[first:], times[first + 1:]))
        wait_s = max(one.completed - one.invoked for one in work.history() if one.known())
        return Kill(leader, gap_s, wait_s, back_s, len(work.updates()), work.unknown(), faults)

    def lost_since(self):
        """Keys that no longer hold what they held at the end of their repetition."""
        self.wait("all servers have the same digest at the same sequence", self.equal)
        port = self.cluster.gateway_ports[0]
        with Redis("127.0.0.1", port, PATIENCE_S) as redis:
            return [key for key, value in self.expected.items()
                    if redis.command("GET", key) != value]

    def new_work(self, gateway, number):
        try:
            return Workload([gateway], f"kill {number}", self.clients, number, self.pause_s)
        except OSError:
            return None

    def progress(self, work):
        targets = [len(one.updates) + UPDATES for one in work.clients]
        self.wait("work goes on", lambda: all(
            len(one.updates) >= target for one, target in zip(work.clients, targets)), 0.005)

    def connected(self):
        servers = self.cluster.status()
        return (set(servers) == set(self.cluster.live_servers())
                and all(one.connected() for one in servers.values()))

    def caught_up(self, server):
        servers = self.cluster.status()
        if not self.connected() or (0, server) not in servers:
            return False
        known = max(one.sequence for one in servers.values())
        again = self.cluster.status()
        return (0, server) in again and again[(0, server)].sequence >= known

    def equal(self):
        servers = self.cluster.status()
        states = {(one.sequence, one.digest, one.updates) for one in servers.values()}
        return set(servers) == set(self.cluster.live_servers()) and len(states) == 1

    def wait(self, what, condition, pause_s=0.1):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            value = condition()
            if value:
                return value
            self.cluster.check_alive()
            if time.monotonic() > deadline:
                raise ClusterError(f"after {PATIENCE_S} s still not: {what}")
            time.sleep(pause_s)
