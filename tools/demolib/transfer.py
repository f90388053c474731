"""A flat PBFT cluster with a large state loses a server, which comes back with nothing, or with what
it had long ago, and takes the state from the others under full load: what tools/transfer measures."""

import time
from collections import namedtuple

from demolib.cluster import Cluster, ClusterError
from demolib.load import Load

POLL_S = 0.5
CONNECT_S = 60
FILL_CONNECTIONS = 8
VALUE_BYTES = 100  # of the load
LEADER_AGAIN = 3   # questions until somebody leads

# rate: records acknowledged per second; seconds: over which.
Phase = namedtuple("Phase", "rate seconds")
# transfers: snapshots fetched; fetched, given: bytes; resident: of the server, at the most.
Result = namedtuple("Result", "before down during after back_s transfers fetched given resident")


def new_cluster(steward, directory, ordering=()):
    return Cluster(steward, directory, "paxos", "pbft", sites=1, shaped=False, ordering=ordering)


class Transfer:
    """From one thread. `say`: called with what has been reached; `progress`: with (done, total,
    note)."""

    def __init__(self, cluster, say, progress, patience_s):
        self.cluster = cluster
        self.say = say
        self.progress = progress
        self.patience_s = patience_s

    def start(self):
        self.cluster.write_file()
        self.cluster.make_keys()
        self.cluster.start()
        self._wait("all servers are connected", CONNECT_S, self._connected)
        self.say("four servers and a gateway are running")

    def fill(self, state_bytes, value_bytes):
        """Keys of their own, so that the load changes little of it."""
        value = b"v" * value_bytes
        records = [(f"fill:{number}", value) for number in range(-(-state_bytes // value_bytes))]
        load = Load(self.cluster.gateway_ports, records, FILL_CONNECTIONS, 1)
        load.start()
        load.enough()
        try:
            while not load.finished():
                self._check(load)
                self.progress(load.done(), load.total, f"{load.done() * value_bytes >> 20} MiB")
                time.sleep(POLL_S)
        finally:
            load.stop()
        self.say(f"{load.total} values of {value_bytes} bytes are there")

    def measure(self, keys, connections, depth, seconds, wipe, away):
        """`away`: records that are acknowledged at least before the server is started again."""
        records = [(f"load:{number % keys}", b"%0*d" % (VALUE_BYTES, number))
                   for number in range(keys * depth)]
        load = Load(self.cluster.gateway_ports, records, connections, depth)
        load.start()
        try:
            self._pass(load, seconds / 4)  # until it runs evenly
            before = self._phase(load, lambda: self._pass(load, seconds))
            self.say(f"before: {before.rate:.0f} records/s")
            victim = self._victim()
            self.cluster.kill_server(0, victim)
            if wipe:
                self.cluster.wipe_server(0, victim)
            down = self._phase(load, lambda: self._miss(load, seconds, away))
            self.say(f"without server 0.{victim}: {down.rate:.0f} records/s")
            given = self._given()
            seen = {"transfers": set(), "fetched": 0, "resident": 0}
            self.cluster.start_server(0, victim)
            during = self._phase(load, lambda: self._until_level(load, victim, seen))
            self.say(f"while it catches up: {during.rate:.0f} records/s; "
                     f"level after {during.seconds:.1f} s")
            after = self._phase(load, lambda: self._pass(load, seconds))
            self.say(f"after: {after.rate:.0f} records/s")
            return Result(before, down, during, after, during.seconds, len(seen["transfers"]),
                          seen["fetched"], self._given() - given, seen["resident"])
        finally:
            load.stop()

    def _until_level(self, load, victim, seen):
        """Level: it has executed all that the others had when they were asked before."""
        known = None
        deadline = time.monotonic() + self.patience_s
        while time.monotonic() < deadline:
            self._check(load)
            servers = self.cluster.status()
            one = servers.get((0, victim))
            if one:
                seen["fetched"] = max(seen["fetched"], one.transfer["fetched_bytes"])
                seen["resident"] = max(seen["resident"], one.resident_bytes)
                if one.transfer["sequence"]:
                    seen["transfers"].add(one.transfer["sequence"])
                    total = one.transfer["pages"]
                    self.progress(total - one.transfer["missing"], max(total, 1),
                                  f"pages of event {one.transfer['sequence']}")
                elif known and one.sequence >= known:
                    return
            known = max((other.sequence for id, other in servers.items() if id != (0, victim)),
                        default=None)
            time.sleep(POLL_S)
        raise ClusterError(f"server 0.{victim} is not level after {self.patience_s} s")

    def _phase(self, load, work):
        begun, done = time.monotonic(), load.done()
        work()
        seconds = time.monotonic() - begun
        return Phase((load.done() - done) / seconds, seconds)

    def _pass(self, load, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._check(load)
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))

    def _miss(self, load, seconds, away):
        begun = load.done()
        self._pass(load, seconds)
        while load.done() - begun < away:
            self._check(load)
            self.progress(load.done() - begun, away, "records without the server")
            time.sleep(POLL_S)

    def _check(self, load):
        self.cluster.check_alive()
        if load.idle_s() > self.patience_s:
            raise ClusterError(f"no answer for {self.patience_s} s")

    def _victim(self):
        """A server that does not lead: what is measured is the transfer, not a change of leaders."""
        for _ in range(LEADER_AGAIN):
            leader = self.cluster.leaders()[0]
            if leader:
                return (leader[1] + 1) % self.cluster.servers_per_site
        raise ClusterError("nobody leads")

    def _given(self):
        return sum(one.transfer["given_bytes"] for one in self.cluster.status().values())

    def _connected(self):
        servers = self.cluster.status()
        return (set(servers) == set(self.cluster.live_servers())
                and all(one.connected() for one in servers.values()))

    def _wait(self, what, seconds, condition):
        deadline = time.monotonic() + seconds
        while not condition():
            self.cluster.check_alive()
            if time.monotonic() > deadline:
                raise ClusterError(f"not within {seconds} s: {what}")
            time.sleep(0.1)
