#!/usr/bin/env python3
"""Shows Steward at work on this machine: starts a cluster whose sites are 50 ms apart, loads the
Debian package index through Redis connections at every site while servers are killed and a site is
cut off, and checks every value afterwards. The exit code is 0 only if every check held."""

import argparse
import collections
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from demolib.cluster import CROSSINGS, LATENCY_MS, Cluster, ClusterError
from demolib.load import Load
from demolib.packages import read_packages
from demolib.resp import Redis, ReplyError
from demolib.screen import Screen, percentile

DEPTH = 8  # SETs in one pipeline, which travels as one signed update
CONNECTIONS_PER_SITE = 6
STALLED_AFTER_S = 45
EQUAL_WITHIN_S = 60
LEADER_SITE = 0  # of wide view 0

# Something is broken or mended once this fraction of the records is written, and the time since
# the last such event is at least so long (s).
KILL_AT, CUT_AT, HEAL_AT = (0.2, 3), (0.4, 4), (0.7, 6)
AFTER_RETURN_S = 4

Phase = collections.namedtuple("Phase", "name start")


class Demo:
    def __init__(self, options, cluster, screen):
        self.options = options
        self.cluster = cluster
        self.screen = screen
        self.checks = []
        self.phases = []
        self.cut_site = len(cluster.sites) - 1
        self.last_seen = {}   # status of all servers just before some were killed
        self.healed_at = None
        self.caught_up_s = None
        self.sequence_to_reach = 0

    # The story, from top to bottom.

    def run(self):
        records = self.read_data()
        self.start_cluster()
        self.measure_alone()
        load = Load(self.cluster.gateway_ports, records, CONNECTIONS_PER_SITE, DEPTH)
        try:
            self.load_under_faults(load)
        finally:
            load.stop()
        self.compare_digests()
        self.read_back(records, load)
        return self.report()

    def read_data(self):
        wanted = 2_000 if self.options.quick else 10_000
        records = read_packages(wanted)
        size = sum(len(key) + len(value) for key, value in records) / max(1, len(records))
        self.screen.step(f"{len(records):,} packages of this machine's Debian index, "
                         f"{size:.0f} bytes each on average")
        if len(records) < wanted:
            self.screen.say(f"  (fewer than {wanted:,}: apt-get update would fetch more)")
        if len(records) < 100:
            raise ClusterError("the package index is nearly empty: run apt-get update")
        return records

    def start_cluster(self):
        cluster = self.cluster
        cluster.write_file()
        self.screen.step(f"making keys for {cluster.name()}: {len(cluster.sites)} sites of "
                         f"{cluster.servers_per_site}, wide {cluster.wide} over local "
                         f"{cluster.local}")
        cluster.make_keys()
        count = len(cluster.live_servers())
        self.screen.step(f"starting {count} servers and {len(cluster.sites)} gateways; sites are "
                         f"{LATENCY_MS} ms and 10 Mbit/s apart")
        cluster.start()
        deadline = time.monotonic() + 60
        while not self.is_up():
            cluster.check_alive()
            if time.monotonic() > deadline:
                raise ClusterError("not every server found its peers within 60 s")
            time.sleep(0.3)
        for site, port in enumerate(cluster.gateway_ports):
            self.write_one(port, f"steward-demo:ready:{site}", deadline)
        self.screen.step("every server is connected, every gateway answers")

    def is_up(self):
        try:
            status = self.cluster.status()
        except ClusterError:
            return False
        return (len(status) == len(self.cluster.live_servers()) and
                all(server.connected() for server in status.values()))

    def write_one(self, port, key, deadline):
        """One SET and DEL, retried until the gateway is there."""
        while True:
            try:
                with Redis("127.0.0.1", port, timeout_s=30) as redis:
                    redis.command("SET", key, "1")
                    redis.command("DEL", key)
                return
            except (OSError, ReplyError) as error:
                self.cluster.check_alive()
                if time.monotonic() > deadline:
                    raise ClusterError(f"the gateway on port {port} does not answer: {error}") \
                        from error
                time.sleep(0.3)

    def measure_alone(self):
        """A lone client, nothing else going on: wide-area crossings and our own time."""
        rounds = 8 if self.options.quick else 20
        crossings, elsewhere = CROSSINGS[self.cluster.wide]
        rows = []
        for site, waits in ((LEADER_SITE, crossings), (self.cut_site, elsewhere)):
            before = self.cluster.status()
            times = []
            with Redis("127.0.0.1", self.cluster.gateway_ports[site], timeout_s=30) as redis:
                for number in range(rounds):
                    start = time.monotonic()
                    redis.command("SET", "steward-demo:alone", number)
                    times.append((time.monotonic() - start) * 1000)
                redis.command("DEL", "steward-demo:alone")
            median = percentile(times, 0.5)
            rows.append([self.cluster.sites[site], f"{median:.0f} ms", f"{waits} x {LATENCY_MS} ms",
                         f"{median - waits * LATENCY_MS:.0f} ms",
                         self.breakdown(before, self.cluster.status())])
        self.screen.table("One client alone", ["its site", "median", "crossings", "our own time",
                                               "of which at the leader, on average"], rows)
        self.screen.say()

    @staticmethod
    def breakdown(before, after):
        """Server 0.0's timed steps: counters NAME_us (sum) and NAME_count."""
        leader = (LEADER_SITE, 0)
        if leader not in before or leader not in after:
            return "-"
        old, new = before[leader].counters, after[leader].counters
        parts = []
        for name in sorted(new):
            if not name.endswith("_us"):
                continue
            count_name = name[:-len("_us")] + "_count"
            count = new.get(count_name, 0) - old.get(count_name, 0)
            if count > 0:
                mean_ms = (new[name] - old.get(name, 0)) / count / 1000
                parts.append(f"{name[:-len('_us')].replace('_', ' ')} {mean_ms:.1f} ms")
        return ", ".join(parts) or "-"

    # The load and what is done to it.

    def load_under_faults(self, load):
        cluster, screen = self.cluster, self.screen
        self.before = cluster.status()
        self.cpu_before = cluster.cpu_seconds()
        screen.step(f"loading from every site: {len(cluster.sites)} x {CONNECTIONS_PER_SITE} "
                    f"connections, {DEPTH} SETs in a pipeline")
        self.phases.append(Phase("all is well", time.monotonic()))
        load.start()
        self.run_until(load, *KILL_AT)
        self.kill_servers()
        self.run_until(load, *CUT_AT)
        cut_at = self.cut(load)
        self.run_until(load, *HEAL_AT)
        self.heal(load, cut_at)
        self.run_until(load, 1.0, AFTER_RETURN_S)
        load.enough()
        while not load.finished():
            self.watch(load)
        self.load_end = time.monotonic()
        screen.bar(load.total, load.total, "all written")
        screen.say()
        screen.step(f"{load.done():,} records are written")
        while self.caught_up_s is None and time.monotonic() - self.healed_at < EQUAL_WITHIN_S:
            self.watch(load, loading=False)
        site = cluster.sites[self.cut_site]
        self.check("the site that was cut off caught up", self.caught_up_s is not None,
                   f"{site}, {self.caught_up_s:.1f} s after it returned"
                   if self.caught_up_s is not None else f"{site} did not")
        self.check("every write was acknowledged", len(load.site_of) == load.total,
                   f"{len(load.site_of):,} of {load.total:,}; {load.retries} retries")
        self.load = load

    def run_until(self, load, fraction, seconds):
        while (load.done() < fraction * load.total or
               time.monotonic() - self.phases[-1].start < seconds):
            self.watch(load)

    def watch(self, load, loading=True):
        """One look at everything, and a tenth of a second."""
        self.cluster.check_alive()
        if loading and load.idle_s() > STALLED_AFTER_S:
            raise ClusterError(f"the load stands still: nothing was acknowledged for "
                               f"{STALLED_AFTER_S} s while '{self.phases[-1].name}'")
        if self.healed_at is not None and self.caught_up_s is None:
            returned = [one for one in self.cluster.status().values()
                        if one.id[0] == self.cut_site]
            if returned and all(one.sequence >= self.sequence_to_reach for one in returned):
                self.caught_up_s = time.monotonic() - self.healed_at
        self.screen.bar(min(load.done(), load.total), load.total, self.phases[-1].name)
        time.sleep(0.1)

    def kill_servers(self):
        """The last server of each site, which leads nothing in view 0."""
        if self.cluster.servers_per_site == 1:
            self.phases.append(Phase("all is well, still", time.monotonic()))
            return
        # What they have sent is counted as of now; afterwards nobody can ask them.
        self.last_seen = self.cluster.status()
        last = self.cluster.servers_per_site - 1
        for site in range(len(self.cluster.sites)):
            self.cluster.kill_server(site, last)
        self.phases.append(Phase("one server of each site is dead", time.monotonic()))
        self.screen.step(f"SIGKILL: server {last} of every site")

    def cut(self, load):
        self.cluster.cut(self.cut_site)
        self.done_at_cut = load.done()
        self.phases.append(Phase(f"and {self.cluster.sites[self.cut_site]} is cut off",
                                 time.monotonic()))
        self.screen.step(f"{self.cluster.sites[self.cut_site]} is cut off from the other sites")
        return self.phases[-1].start

    def heal(self, load, cut_at):
        """The site returns; it has to reach what the others had by then."""
        status = self.cluster.status()
        here = max((one.sequence for one in status.values() if one.id[0] == self.cut_site),
                   default=0)
        there = max((one.sequence for one in status.values() if one.id[0] != self.cut_site),
                    default=0)
        name = self.cluster.sites[self.cut_site]
        written = load.done() - self.done_at_cut
        self.check("the others went on while a site was cut off", written > 0,
                   f"{written:,} records in {time.monotonic() - cut_at:.1f} s")
        self.check("the cut was real", there > here,
                   f"{name} stood at sequence {here:,}, the others at {there:,}")
        self.cluster.cut(self.cut_site, heal=True)
        self.sequence_to_reach = there
        self.healed_at = time.monotonic()
        self.phases.append(Phase(f"{name} is back", self.healed_at))
        self.screen.step(f"{name} returns, {there - here:,} sequences behind")

    # What must hold afterwards.

    def compare_digests(self):
        live = set(self.cluster.live_servers())
        deadline = time.monotonic() + EQUAL_WITHIN_S
        while True:
            status = self.cluster.status()
            states = {(one.sequence, one.digest) for one in status.values()}
            if len(states) == 1 and set(status) == live:
                break
            self.cluster.check_alive()
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self.after = status
        missing = len(live) - len(set(status) & live)
        detail = f"{len(status)} servers, {len(states)} state(s)"
        if missing:
            detail += f", {missing} did not answer"
        if len(states) == 1:
            sequence, digest = next(iter(states))
            detail = f"{len(status)} servers at sequence {sequence:,}, digest {digest[:16]}"
        self.check("all live servers hold the same state", len(states) == 1 and not missing, detail)
        self.screen.step("state digests compared")

    def read_back(self, records, load):
        """Each record through the gateway of the site after the one that wrote it."""
        sites = len(self.cluster.sites)
        shares = collections.defaultdict(list)
        for key, value in records:
            shares[(load.site_of[key] + 1) % sites].append((key, value))
        wrong, read = [], 0
        for site, share in sorted(shares.items()):
            with Redis("127.0.0.1", self.cluster.gateway_ports[site], timeout_s=60) as redis:
                for at in range(0, len(share), 100):
                    part = share[at:at + 100]
                    replies = redis.pipeline([("GET", key) for key, _ in part])
                    wrong += [(key, reply) for (key, value), reply in zip(part, replies)
                              if reply != value]
                    read += len(part)
                    self.screen.bar(read, len(records), "read back through another site")
        self.screen.say()
        detail = f"{read:,} read back through another site's gateway"
        if wrong:
            key, reply = wrong[0]
            detail += f"; {len(wrong):,} differ, first {key.decode()}: {str(reply)[:60]}"
        self.check("every value is the one that was written", read == len(records) and not wrong,
                   detail)
        sizes = []
        for port in self.cluster.gateway_ports:
            with Redis("127.0.0.1", port, timeout_s=30) as redis:
                sizes.append(redis.command("DBSIZE"))
        self.check("nothing is there that nobody wrote", set(sizes) == {len(records)},
                   f"DBSIZE {', '.join(str(size) for size in sizes)}")
        self.screen.step("every value compared")

    def check(self, name, held, detail):
        self.checks.append((name, held, detail))

    # What it cost.

    def report(self):
        self.report_phases()
        self.report_cost()
        self.screen.table("Checks", None,
                          [[name, "ok" if held else "FAILED", detail]
                           for name, held, detail in self.checks])
        held = all(held for _, held, _ in self.checks)
        self.screen.say()
        self.screen.step("every check held" if held else "NOT every check held")
        return held

    def report_phases(self):
        """Updates that the cut held up are told apart: they say how long it was, not how fast."""
        answers = self.load.answers
        cut = next(phase.start for phase in self.phases if "cut off" in phase.name)
        back = self.phases[-1].start
        held_up = {id(one) for one in answers
                   if one.site == self.cut_site and one.sent < back <= one.answered
                   and one.answered > cut}
        rows = []
        ends = [phase.start for phase in self.phases[1:]] + [self.load_end]
        for phase, end in zip(self.phases, ends):
            inside = [one for one in answers if phase.start <= one.answered < end]
            times = [(one.answered - one.sent) * 1000 for one in inside if id(one) not in held_up]
            span = max(end - phase.start, 1e-3)
            count = sum(one.records for one in inside)
            rows.append([phase.name, f"{span:.1f} s", f"{count:,}", f"{count / span:,.0f}",
                         f"{percentile(times, 0.5):.0f} ms", f"{percentile(times, 0.99):.0f} ms"])
        self.screen.table("What the faults cost", ["", "time", "records", "records/s",
                                                   "median", "p99"], rows)
        waited = [one.answered - one.sent for one in answers if id(one) in held_up]
        if waited:
            self.screen.say(f"  {len(waited)} updates of {self.cluster.sites[self.cut_site]}'s "
                            f"clients waited for its return, at most {max(waited):.1f} s")

    def report_cost(self):
        span = self.load_end - self.phases[0].start
        answers = self.load.answers
        times = [(one.answered - one.sent) * 1000 for one in answers]
        updates = len(answers)
        per_link = self.wide_bytes_by_link()
        total = sum(per_link.values())
        records = max(1, self.load.done())
        cpu = (self.cluster.cpu_seconds() - self.cpu_before) / max(span, 1e-3)
        memory = max((one.resident_bytes for one in self.after.values()), default=0)
        rows = [
            ["records written", f"{records:,} ({self.load.total:,} different), "
                                f"{records / span:,.0f}/s"],
            [f"signed updates ({DEPTH} records each)", f"{updates:,}, {updates / span:,.0f}/s"],
            ["latency of an update", f"median {percentile(times, 0.5):.0f} ms, "
                                     f"p99 {percentile(times, 0.99):.0f} ms"],
            ["wide-area bytes of a record", f"{total / records:,.0f} in all, "
                                            f"{total / records / len(per_link):,.0f} on each link"],
            ["wide-area bytes of a signed update",
             f"{total / updates:,.0f} in all, {total / updates / len(per_link):,.0f} on each link"],
            ["processors used by servers and gateways", f"{cpu:.1f} on average"],
            ["memory of the largest server", f"{memory / 2**20:,.0f} MiB"],
        ]
        self.screen.table("In all", None, rows)
        names = self.cluster.sites
        self.screen.table("Wide-area links", ["from, to", "bytes", "of a record"],
                          [[f"{names[a]} → {names[b]}", f"{count:,}", f"{count / records:,.0f}"]
                           for (a, b), count in sorted(per_link.items())])

    def wide_bytes_by_link(self):
        """Sent during the load, by (from, to); of a killed server, until it was killed."""
        sites = range(len(self.cluster.sites))
        total = {(a, b): 0 for a in sites for b in sites if a != b}
        for identity, old in self.before.items():
            new = self.after.get(identity) or self.last_seen.get(identity)
            if new is None:
                continue
            for sign, one in ((1, new), (-1, old)):
                for peer in one.peers:
                    if peer["site"] != identity[0]:
                        total[(identity[0], peer["site"])] += sign * peer["bytes_out"]
        return total


def keep_running(cluster, screen):
    steward = cluster.steward
    files = f"--cluster {cluster.file} --keys {cluster.folder('client-operator')}"
    last = len(cluster.sites) - 1
    screen.say()
    screen.say("The cluster stays up until Ctrl-C. From another terminal:")
    screen.say()
    for site, port in zip(cluster.sites, cluster.gateway_ports):
        screen.say(f"  redis-cli -p {port}    # the gateway in {site}")
    screen.say(f"  {steward} status {files} --client operator")
    screen.say(f"  {steward} cut {files} --client operator --site {last}    # again with --heal")
    screen.say(f"  redis-benchmark -p {cluster.gateway_ports[0]} -t set,get -n 20000 -c 50 -P 16")
    screen.say()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1):
        cluster.check_alive()


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="2,000 records instead of 10,000: under a minute")
    parser.add_argument("--keep", action="store_true",
                        help="leave the cluster up afterwards, until Ctrl-C")
    parser.add_argument("--composition", metavar="WIDE/LOCAL", default="paxos/pbft",
                        help="wide protocol (paxos, pbft) over local protocol (pbft, paxos, "
                             "single); default %(default)s")
    parser.add_argument("--scheme", default="auto",
                        choices=["auto", "rsa-shoup", "bls12-381", "ed25519-multi"],
                        help="of the sites' signatures; default %(default)s: ed25519-multi for "
                             "sites of this size")
    parser.add_argument("--steward", metavar="FILE", default="build/release/src/cli/steward",
                        help="the program (default %(default)s)")
    options = parser.parse_args()
    options.wide, _, options.local = options.composition.partition("/")
    if options.wide not in CROSSINGS or options.local not in ("pbft", "paxos", "single"):
        parser.error(f"'{options.composition}' is not a composition such as paxos/pbft")
    if not Path(options.steward).is_file():
        parser.error(f"{options.steward} is not there: run ./demo or tools/build")
    return options


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    options = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    screen = Screen()
    directory = Path(tempfile.mkdtemp(prefix="steward-demo-"))
    cluster = Cluster(options.steward, directory, options.wide, options.local,
                      crypto=(f'scheme = "{options.scheme}"',))
    held = False
    interrupted = False
    try:
        held = Demo(options, cluster, screen).run()
        if held and options.keep:
            keep_running(cluster, screen)
    except (ClusterError, ReplyError, OSError) as error:
        held = False
        screen.say()
        screen.say(f"demo: {error}")
    except KeyboardInterrupt:
        interrupted = True
        screen.say()
        screen.say("demo: interrupted, stopping everything")
    finally:
        # A second Ctrl-C must not leave servers behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        cluster.stop()
        if held or interrupted:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            screen.say(f"demo: cluster file and logs are in {directory}")
    if interrupted:
        return 130
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
