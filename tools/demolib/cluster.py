"""The processes of one cluster on this machine: made, started, looked at, broken, stopped."""

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SITE_NAMES = ["amsterdam", "boston", "chennai", "dakar"]
LATENCY_MS = 50
# Servers of a site that tolerates one fault, and sites of a cluster that tolerates one.
SERVERS = {"pbft": 4, "paxos": 3, "single": 1}
SITES = {"pbft": 4, "paxos": 3}
# Wide-area crossings that a client waits for, in the leader site and elsewhere. Of three sites two
# are a majority, so elsewhere the leader's proposal and the own site's accept are enough.
CROSSINGS = {"paxos": (2, 2), "pbft": (3, 4)}
OPERATOR = "operator"


class ClusterError(Exception):
    """Something that the demo cannot go on after; one sentence."""


class ServerStatus:
    """One server as `steward status --json` shows it."""

    def __init__(self, fields):
        self.id = (fields["site"], fields["server"])
        self.sequence = fields["sequence"]
        self.digest = fields["state_digest"]
        self.stable = fields["local_stable"]
        self.local_view = fields["local_view"]
        self.local_leader = fields["local_leader"]
        self.local_changing = fields["local_changing"]
        self.leader_site = fields["leader_site"]
        self.wide_changing = fields["wide_changing"]
        self.updates = fields["updates_executed"]
        self.resident_bytes = fields["resident_bytes"]
        self.counters = fields["counters"]
        self.share_epoch = fields["site_key"]["share_epoch"]
        self.own_share_epoch = fields["site_key"]["own_share_epoch"]
        self.evidence = fields["evidence"]
        self.silent = fields["silent"]
        self.peers = fields["peers"]
        self.transfer = fields["transfer"]

    def connected(self):
        return all(peer["connected"] for peer in self.peers)


def free_ports(count):
    """Ports that nobody listens on now, all different. None is of the range from which the kernel
    takes the ports of outgoing connections: while a server is down, such a connection could take
    its port."""
    end = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = range(10000, end if end > 12000 else 60000)
    sockets = []
    try:
        while len(sockets) < count:
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", random.choice(candidates)))
                sockets.append(one)
            except OSError:
                one.close()
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def die_with_parent():
    """Runs in the child: SIGKILL when the demo is gone, whatever ended it (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Cluster:
    """Everything is started as its own process group and stopped by stop(), which never fails."""

    def __init__(self, steward, directory, wide, local, sites=None, shaped=True, ordering=(),
                 crypto=(), timeouts=(), topology=()):
        """`sites`: how many, when not as many as tolerate one that is lost. `ordering`, `crypto`,
        `timeouts`, `topology`: lines of those sections of the cluster file; the last one replaces
        what `shaped` stands for."""
        self.steward = str(Path(steward).resolve())
        self.directory = Path(directory)
        self.wide = wide
        self.local = local
        self.sites = SITE_NAMES[:sites or SITES[wide]]
        self.shaped = shaped
        self.ordering = ordering
        self.crypto = crypto
        self.timeouts = timeouts
        self.topology = topology
        self.servers_per_site = SERVERS[local]
        self.file = self.directory / "cluster.toml"
        self.keys = self.directory / "keys"
        self.logs = self.directory / "logs"
        self.gateway_ports = []
        self.server_ports = {}
        self._processes = {}
        self._expected_dead = set()
        self._cpu_of_dead_s = 0.0

    def name(self):
        """As the files in examples/ are named."""
        if self.local == "single":
            return f"flat-{self.wide}-{len(self.sites)}"
        form = f"{len(self.sites)}x{self.servers_per_site}"
        return f"{self.wide}-{self.local}-{form}"

    def write_file(self):
        ports = free_ports(len(self.sites) * (self.servers_per_site + 1))
        site_faults = 1 if len(self.sites) >= SITES[self.wide] else 0
        lines = [f'name = "{self.name()}"', f'wide = "{self.wide}"',
                 f"site_faults = {site_faults}"]
        if self.shaped and not self.topology:
            lines.append('topology = "symmetric-50ms-10mbps"')
        for number, site in enumerate(self.sites):
            servers = [ports.pop() for _ in range(self.servers_per_site)]
            self.server_ports.update({(number, i): port for i, port in enumerate(servers)})
            self.gateway_ports.append(ports.pop())
            faults = 0 if self.local == "single" else 1
            addresses = ", ".join(f'"127.0.0.1:{port}"' for port in servers)
            lines += ["", "[[site]]", f'name = "{site}"', f'protocol = "{self.local}"',
                      f"faults = {faults}", f"servers = [{addresses}]",
                      f"gateway_port = {self.gateway_ports[-1]}"]
        for section, keys in (("crypto", self.crypto), ("ordering", self.ordering),
                              ("timeouts", self.timeouts), ("topology", self.topology)):
            if keys:
                lines += ["", f"[{section}]", *keys]
        self.file.write_text("\n".join(lines) + "\n")
        self.logs.mkdir()

    def make_keys(self):
        self._run("keygen", "--out", str(self.keys), timeout_s=300)

    def folder(self, party, keys=None):
        """The folder of keys of "server-S-I" or "client-NAME"."""
        return (keys or self.keys) / party

    def start(self, programs=None):
        """`programs`: what to start in place of `steward server`, for some servers."""
        for site, site_name in enumerate(self.sites):
            for server in range(self.servers_per_site):
                self.start_server(site, server, (programs or {}).get((site, server), ()))
            name = f"gateway-{site_name}"
            self._spawn(name, "gateway", "--keys", str(self.folder(f"client-{name}")), "--site",
                        str(site), "--client", name)

    def start_server(self, site, server, program=(), keys=None, more=()):
        """Also again, on the same data. `keys`: of another ceremony. `more`: arguments."""
        name = f"server-{site}.{server}"
        self._spawn(name, "server", "--keys", str(self.folder(f"server-{site}-{server}", keys)),
                    "--site", str(site), "--server", str(server), "--data",
                    str(self.data(site, server)), *more, program=program)
        self._expected_dead.discard(name)

    def data(self, site, server):
        return self.directory / "data" / f"{site}.{server}"

    def status(self):
        """The servers that answer, by id."""
        text = self._run("status", *self._operator(), "--json", timeout_s=20,
                         accept=(0, 2, 5)).stdout
        try:
            servers = json.loads(text)["servers"]
            return {one.id: one for one in
                    (ServerStatus(fields) for fields in servers if fields["reachable"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"steward status --json answered what makes no sense: {error!r} in "
                               f"{text[:200]!r}") from error

    def refresh_keys(self, site):
        """Has the servers of the site renew their key shares; what the command said."""
        return self._run("keys refresh", *self._operator(), "--site", str(site),
                         timeout_s=120).stdout

    def live_servers(self):
        return [(site, server) for site in range(len(self.sites))
                for server in range(self.servers_per_site)
                if f"server-{site}.{server}" not in self._expected_dead]

    def kill_server(self, site, server):
        self.kill_servers([(site, server)])

    def kill_servers(self, servers):
        """All before the first is waited for."""
        names = [f"server-{site}.{server}" for site, server in servers]
        self._expected_dead.update(names)
        for name in names:
            self._cpu_of_dead_s += self._cpu_s(self._processes[name].pid)
            self._signal(self._processes[name], signal.SIGKILL)
        for name in names:
            self._processes[name].wait()

    def pause_server(self, site, server):
        """It is there and does nothing until it is resumed."""
        self._signal(self._processes[f"server-{site}.{server}"], signal.SIGSTOP)

    def resume_server(self, site, server):
        self._signal(self._processes[f"server-{site}.{server}"], signal.SIGCONT)

    def wipe_server(self, site, server):
        """Of one that is not running: all that it remembers."""
        shutil.rmtree(self.data(site, server))

    def leaders(self):
        """For each site (view, index) of who leads it, as most of its servers say; None while they
        change. Asked for all at once, as servers that are down are waited for."""
        servers = self.status()
        out = []
        for site in range(len(self.sites)):
            said = [(one.local_view, one.local_leader) for (of, _), one in servers.items()
                    if of == site and not one.local_changing]
            most = max(said, key=said.count, default=None)
            out.append(most if said.count(most) > self.servers_per_site // 2 else None)
        return out

    def ended(self, site, server):
        """The exit code of a server that ended by itself, which is then expected; else None."""
        name = f"server-{site}.{server}"
        code = self._processes[name].poll()
        if code is not None:
            self._expected_dead.add(name)
        return code

    def log(self, site, server):
        """What a server said."""
        return (self.logs / f"server-{site}.{server}.log").read_text(errors="replace")

    def cut(self, site, heal=False):
        self._run("cut", *self._operator(), "--site", str(site), *(["--heal"] if heal else []),
                  timeout_s=20)

    def check_alive(self):
        """Raises when a process ended that nobody ended."""
        for name, process in self._processes.items():
            if process.poll() is not None and name not in self._expected_dead:
                raise ClusterError(f"{name} ended by itself with code {process.returncode}: "
                                   f"{self._last_line(name)}")

    def cpu_seconds(self):
        """What all processes have used so far, the dead ones included."""
        return self._cpu_of_dead_s + sum(self._cpu_s(process.pid)
                                         for process in self._processes.values()
                                         if process.poll() is None)

    def stop(self):
        running = [one for one in self._processes.values() if one.poll() is None]
        for process in running:
            self._signal(process, signal.SIGTERM)
        deadline = time.monotonic() + 5
        for process in running:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            # The whole group, so that nothing that a process started outlives it.
            self._signal(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    @staticmethod
    def _signal(process, number):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    @staticmethod
    def _cpu_s(pid):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _last_line(self, name):
        lines = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "(it said nothing)"

    def _operator(self):
        return ["--keys", str(self.folder(f"client-{OPERATOR}")), "--client", OPERATOR]

    def _spawn(self, name, verb, *arguments, program=()):
        command = [self.steward, verb, "--cluster", str(self.file)]
        if program:
            command[:2] = program
        with open(self.logs / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                [*command, *arguments], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent)

    def _run(self, verb, *arguments, timeout_s, accept=(0,)):
        """A verb that ends. It is in our process group, so Ctrl-C reaches it."""
        command = [self.steward, *verb.split(), "--cluster", str(self.file), *arguments]
        try:
            result = subprocess.run(command, text=True, stdin=subprocess.DEVNULL,
                                    capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"steward {verb} took longer than {timeout_s} s") from error
        if result.returncode not in accept:
            said = (result.stderr or result.stdout).strip() or "(it said nothing)"
            raise ClusterError(f"steward {verb} ended with code {result.returncode}: {said}")
        return result
