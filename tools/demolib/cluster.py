"""The processes of one cluster on this machine: made, started, looked at, broken, stopped."""

import ctypes
import json
import os
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
# Wide-area crossings that a client of the leader site waits for; others wait for one more.
CROSSINGS = {"paxos": 2, "pbft": 3}
OPERATOR = "operator"


class ClusterError(Exception):
    """Something that the demo cannot go on after; one sentence."""


class ServerStatus:
    """One server as `steward status --json` shows it."""

    def __init__(self, fields):
        self.id = (fields["site"], fields["server"])
        self.sequence = fields["sequence"]
        self.digest = fields["state_digest"]
        self.updates = fields["updates_executed"]
        self.resident_bytes = fields["resident_bytes"]
        self.counters = fields["counters"]
        self.peers = fields["peers"]

    def connected(self):
        return all(peer["connected"] for peer in self.peers)


def free_ports(count):
    """Ports that nobody listens on now: held all at once, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def die_with_parent():
    """Runs in the child: SIGKILL when the demo is gone, whatever ended it (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Cluster:
    """Everything is started as its own process group and stopped by stop(), which never fails."""

    def __init__(self, steward, directory, wide, local):
        self.steward = str(Path(steward).resolve())
        self.directory = Path(directory)
        self.wide = wide
        self.local = local
        self.sites = SITE_NAMES[:SITES[wide]]
        self.servers_per_site = SERVERS[local]
        self.file = self.directory / "cluster.toml"
        self.keys = self.directory / "keys"
        self.logs = self.directory / "logs"
        self.gateway_ports = []
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
        lines = [f'name = "{self.name()}"', f'wide = "{self.wide}"', "site_faults = 1",
                 'topology = "symmetric-50ms-10mbps"']
        for site in self.sites:
            servers = [ports.pop() for _ in range(self.servers_per_site)]
            self.gateway_ports.append(ports.pop())
            faults = 0 if self.local == "single" else 1
            addresses = ", ".join(f'"127.0.0.1:{port}"' for port in servers)
            lines += ["", "[[site]]", f'name = "{site}"', f'protocol = "{self.local}"',
                      f"faults = {faults}", f"servers = [{addresses}]",
                      f"gateway_port = {self.gateway_ports[-1]}"]
        lines += ["", "[crypto]", "rsa_bits = 2048"]
        self.file.write_text("\n".join(lines) + "\n")
        self.logs.mkdir()

    def make_keys(self):
        self._run("keygen", "--out", str(self.keys), timeout_s=300, keys=False)

    def start(self):
        for site, site_name in enumerate(self.sites):
            for server in range(self.servers_per_site):
                data = self.directory / "data" / f"{site}.{server}"
                data.mkdir(parents=True)
                self._spawn(f"server-{site}.{server}", "server", "--site", str(site), "--server",
                            str(server), "--data", str(data))
            self._spawn(f"gateway-{site_name}", "gateway", "--site", str(site), "--client",
                        f"gateway-{site_name}")

    def status(self):
        """The servers that answer, by id."""
        text = self._run("status", "--client", OPERATOR, "--json", timeout_s=20,
                         accept=(0, 2, 5)).stdout
        try:
            servers = json.loads(text)["servers"]
            return {one.id: one for one in
                    (ServerStatus(fields) for fields in servers if fields["reachable"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"steward status --json answered what makes no sense: {error!r} in "
                               f"{text[:200]!r}") from error

    def live_servers(self):
        return [(site, server) for site in range(len(self.sites))
                for server in range(self.servers_per_site)
                if f"server-{site}.{server}" not in self._expected_dead]

    def kill_server(self, site, server):
        name = f"server-{site}.{server}"
        self._expected_dead.add(name)
        self._cpu_of_dead_s += self._cpu_s(self._processes[name].pid)
        self._signal(self._processes[name], signal.SIGKILL)
        self._processes[name].wait()

    def cut(self, site, heal=False):
        self._run("cut", "--client", OPERATOR, "--site", str(site), *(["--heal"] if heal else []),
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

    def _command(self, verb, keys):
        return [self.steward, verb, "--cluster", str(self.file),
                *(["--keys", str(self.keys)] if keys else [])]

    def _spawn(self, name, verb, *arguments):
        with open(self.logs / f"{name}.log", "wb") as log:
            self._processes[name] = subprocess.Popen(
                [*self._command(verb, True), *arguments], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent)

    def _run(self, verb, *arguments, timeout_s, keys=True, accept=(0,)):
        """A verb that ends. It is in our process group, so Ctrl-C reaches it."""
        try:
            result = subprocess.run([*self._command(verb, keys), *arguments], text=True,
                                    stdin=subprocess.DEVNULL, capture_output=True,
                                    timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"steward {verb} took longer than {timeout_s} s") from error
        if result.returncode not in accept:
            said = (result.stderr or result.stdout).strip() or "(it said nothing)"
            raise ClusterError(f"steward {verb} ended with code {result.returncode}: {said}")
        return result
