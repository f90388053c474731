"""Whatever is wrong with what a person gives to `steward`, one clear line says so and the exit code
tells of which kind it is."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster_case import PATIENCE_S, Cluster, ClusterCase, Writer, wait_for

OK, ERROR, NO_CONNECTION, BAD_INPUT, BAD_ARGUMENTS = 0, 1, 2, 3, 128


def run(*arguments, keys=None, cluster=None):
    command = [os.environ["STEWARD"], *map(str, arguments)]
    if cluster:
        command += ["--cluster", str(cluster)]
    if keys:
        command += ["--keys", str(keys)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)


class Checks:
    def refuse(self, result, code, *words):
        """One line on standard error that holds all of `words`."""
        lines = result.stderr.splitlines()
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("steward: "), lines[0])
        for word in words:
            self.assertIn(str(word), lines[0])


class Files(Checks, unittest.TestCase):
    """Nothing of these clusters ever runs."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="steward-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.mine = cls.make("mine")
        cls.other = cls.make("other")  # the same in all but its keys
        cls.text = cls.mine.file.read_text()

    @classmethod
    def make(cls, name):
        (cls.directory / name).mkdir()
        cluster = Cluster(os.environ["STEWARD"], cls.directory / name, "paxos", "single")
        cluster.write_file()
        cluster.make_keys()
        return cluster

    def server(self, file=None, keys=None, site=0, data=None):
        return run("server", "--site", site, "--server", 0, "--data",
                   data or self.directory / "data", cluster=file or self.mine.file,
                   keys=keys or self.mine.keys)

    def altered_file(self, old, new):
        """The cluster file with one change, and the line that it is in."""
        self.assertEqual(self.text.count(old), 1)
        file = self.directory / "altered.toml"
        file.write_text(self.text.replace(old, new))
        return file, self.text[:self.text.index(old)].count("\n") + 1

    def altered_keys(self):
        directory = Path(tempfile.mkdtemp(dir=self.directory))
        return Path(shutil.copytree(self.mine.keys, directory / "keys"))

    def test_toml_that_is_none(self):
        file, line = self.altered_file('wide = "paxos"', 'wide = "paxos')
        self.refuse(self.server(file), BAD_INPUT, f"{file}:{line}:", "not valid TOML")

    def test_unknown_key(self):
        file, line = self.altered_file("site_faults = 1", "site_faults = 1\ncolour = 7")
        self.refuse(self.server(file), BAD_INPUT, f"{file}:{line + 1}:", "colour")

    def test_impossible_size(self):
        file, line = self.altered_file("site_faults = 1", "site_faults = 2")
        self.refuse(self.server(file), BAD_INPUT, f"{file}:{line}:", "3 sites cannot tolerate 2")
        for verb in ("keygen", "--out", self.directory / "none"), ("status", "--keys", "none"):
            self.refuse(run(*verb, cluster=file), BAD_INPUT, f"{file}:{line}:")
        self.assertFalse((self.directory / "none").exists())

    def test_missing_files(self):
        self.refuse(self.server(self.directory / "nothing.toml"), BAD_INPUT, "nothing.toml")
        self.refuse(self.server(keys=self.directory / "nothing"), BAD_INPUT, "nothing/cluster.pub")
        gateway = run("gateway", "--site", 0, "--client", "nobody", cluster=self.mine.file,
                      keys=self.mine.keys)
        self.refuse(gateway, BAD_INPUT, "client-nobody/client.key")

    def test_data_that_is_no_directory(self):
        file = self.directory / "file"
        file.touch()
        self.refuse(self.server(data=file), ERROR, file, "Not a directory")

    def test_key_that_others_can_read(self):
        keys = self.altered_keys()
        for name in ("server-0-0/server.key", "client-operator/client.key"):
            (keys / name).chmod(0o644)
        self.refuse(self.server(keys=keys), BAD_INPUT, "server-0-0/server.key", "mode 0644",
                    "chmod 600")
        self.refuse(run("status", cluster=self.mine.file, keys=keys), BAD_INPUT,
                    "client-operator/client.key", "chmod 600")

    def test_key_of_another_server(self):
        keys = self.altered_keys()
        for name in "server.key", "site.share":
            shutil.copy(keys / "server-1-0" / name, keys / "server-0-0" / name)
        self.refuse(self.server(keys=keys), BAD_INPUT, "server-0-0/server.key", "not of server 0.0")
        self.refuse(self.server(keys=keys / "server-2-0"), BAD_INPUT, "server-2-0/server.key",
                    "not of server 0.0")
        self.refuse(run("status", cluster=self.mine.file, keys=keys / "client-gateway-boston"),
                    BAD_INPUT, "client 'gateway-boston'", "see --client")

    def test_key_of_another_cluster(self):
        keys = self.altered_keys()
        shutil.copy(self.other.keys / "server-0-0/server.key", keys / "server-0-0/server.key")
        self.refuse(self.server(keys=keys), BAD_INPUT, "server-0-0/server.key", "another cluster")

    def test_key_file_that_is_damaged(self):
        keys = self.altered_keys()
        for name in "server-0-0/site.share", "server-0-0/server.key":
            for content in (b"", bytes(range(256)) * 4, b'{"version": 1}'):
                (keys / name).write_bytes(content)
                self.refuse(self.server(keys=keys), BAD_INPUT, name)

    def test_keys_of_a_cluster_of_another_name(self):
        file, _ = self.altered_file(f'name = "{self.mine.name()}"', 'name = "else"')
        self.refuse(self.server(file), BAD_INPUT, "another cluster")

    def test_keys_of_a_smaller_cluster(self):
        """Every verb that looks a server's key up."""
        file = self.directory / "larger.toml"
        file.write_text(self.text + '\n[[site]]\nname = "extra"\nprotocol = "single"\n'
                        'servers = ["127.0.0.1:1"]\ngateway_port = 2\n')
        keys = self.mine.keys
        for result in (self.server(file, site=3), run("status", cluster=file, keys=keys),
                       run("cut", "--site", 3, cluster=file, keys=keys),
                       run("gateway", "--site", 3, "--client", "operator", cluster=file,
                           keys=keys)):
            self.refuse(result, BAD_INPUT, "another cluster")

    def test_keys_are_never_overwritten(self):
        before = (self.mine.keys / "cluster.pub").read_bytes()
        result = run("keygen", "--out", self.mine.keys, cluster=self.mine.file)
        self.assertEqual(result.returncode, BAD_INPUT)
        self.assertIn("never overwritten", result.stderr.splitlines()[-1])
        self.assertEqual((self.mine.keys / "cluster.pub").read_bytes(), before)

    def test_arguments(self):
        for arguments in ((), ("dance",), ("server",), ("server", "--colour", "red"),
                          ("server", "--site", "x"), ("status", "--json", "--cluster")):
            result = run(*arguments)
            self.assertEqual(result.returncode, BAD_ARGUMENTS, arguments)
            self.assertIn("--help", result.stderr)
        self.refuse(self.server(site=9), BAD_INPUT, "--site 9", "sites 0 to 2")
        self.assertEqual(run("server", "--help").returncode, OK)
        self.assertEqual(run("--version").returncode, OK)

    def test_nobody_answers(self):
        self.refuse(run("status", cluster=self.mine.file, keys=self.mine.keys), NO_CONNECTION,
                    "no server answers")
        self.refuse(run("cut", "--site", 0, cluster=self.mine.file, keys=self.mine.keys),
                    NO_CONNECTION, "no server")


class Running(Checks, ClusterCase):
    """One site of three servers of which one may crash: mistakes made beside it, or to one of its
    servers, do not disturb it."""

    local = "paxos"
    sites = 1
    VICTIM = (0, 2)

    def start_beside(self, data):
        return run("server", "--site", 0, "--server", 2, "--data", data,
                   cluster=self.cluster.file, keys=self.cluster.keys)

    def write(self, name, pipelines):
        writer = Writer(self.cluster.gateway_ports[0], f"{self.id()}:{name}")
        try:
            writer.wait_progress(pipelines)
        finally:
            writer.stop()
        return writer

    def expect_nothing_lost(self, *writers):
        self.wait_equal()
        with self.redis() as redis:
            for writer in writers:
                self.assertEqual(writer.failed, 0)
                writer.verify(self, redis)

    def test_port_that_is_taken(self):
        port = self.cluster.gateway_ports[0]
        self.refuse(run("gateway", "--site", 0, "--client", "operator", cluster=self.cluster.file,
                        keys=self.cluster.keys), ERROR, f"127.0.0.1:{port}", "taken")
        self.refuse(self.start_beside(self.directory / "fresh"), ERROR, "cannot listen",
                    "127.0.0.1:", "in use")

    def test_data_of_a_running_server(self):
        data = self.cluster.data(*self.VICTIM)
        self.refuse(self.start_beside(data), ERROR, data, "in use by another running server")
        self.expect_nothing_lost(self.write("after", 5))

    def test_damaged_data(self):
        before = self.write("before", 50)
        self.cluster.kill_server(*self.VICTIM)
        data = self.cluster.data(*self.VICTIM)
        log = max(data.glob("*.log"), key=lambda file: file.stat().st_size)
        with open(log, "r+b") as file:
            file.seek(log.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        self.refuse(self.start_beside(data), ERROR, data, "damaged")
        shutil.rmtree(data)
        self.cluster.start_server(*self.VICTIM)
        self.expect_nothing_lost(before, self.write("after", 5))

    def test_full_disk(self):
        """A limit on the size of files stands in for a disk that is too small: both make write()
        fail, and this needs no privilege."""
        self.cluster.kill_server(*self.VICTIM)
        shutil.rmtree(self.cluster.data(*self.VICTIM))  # what is there may be too large already
        limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 512; exec "$@"', "sh",
                   os.environ["STEWARD"], "server"]
        self.cluster.start_server(*self.VICTIM, program=limited)
        writer = Writer(self.cluster.gateway_ports[0], self.id())
        self.addCleanup(writer.stop)
        code = wait_for("the server stops itself",
                        lambda: self.cluster.ended(*self.VICTIM))
        self.assertEqual(code, ERROR)
        self.assertIn("the disk failed", self.cluster.log(*self.VICTIM))
        writer.wait_progress(10)
        self.cluster.start_server(*self.VICTIM)
        writer.wait_progress(10)
        writer.stop()
        self.expect_nothing_lost(writer)

    def test_oversized_value_and_key(self):
        largest, key = b"v" * (512 << 10), b"k" * (1 << 10)
        with self.redis() as redis:
            self.assertEqual(redis.command("SET", key, largest), b"OK")
            replies = redis.pipeline([("SET", "big", largest + b"v"), ("SET", key + b"k", "1"),
                                      ("GET", key + b"k"), ("STRLEN", key), ("EXISTS", "big")])
            for reply, limit in zip(replies, ("524288", "1024", "1024")):
                self.assertRegex(str(reply), f"^ERR (value|key) exceeds {limit} bytes")
            self.assertEqual(replies[3:], [len(largest), 0])
            self.assertEqual(redis.command("SET", "after", "usable"), b"OK")
            self.assertEqual(redis.command("DEL", key), 1)


if __name__ == "__main__":
    unittest.main()
