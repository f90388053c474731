"""What strangers send to the ports of a cluster ends with a closed connection and a counter."""

import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster_case import PATIENCE_S, Cluster, ClusterCase, Writer, wait_for

HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
GARBAGE = random.Random(7).randbytes(50_000)
# The first bytes of a TLS handshake that announces more than ever comes.
HALF_HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(32)
REFUSED = "net.refused_connections"


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def send(one, data):
    """As much as the other side wants."""
    try:
        one.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def answer(one):
    """Everything until the other side closes."""
    text = b""
    try:
        while data := one.recv(65536):
            text += data
    except ConnectionResetError:
        pass
    return text


class HostileBytes(ClusterCase):
    """Three single servers. Every test ends with a cluster that works and has lost nothing."""

    def setUp(self):
        self.before = self.refused()
        self.writer = Writer(self.cluster.gateway_ports[0], self.id())
        self.addCleanup(self.writer.stop)

    def refused(self):
        return self.cluster.status()[(0, 0)].counters[REFUSED]

    def expect_unharmed(self, refused=0):
        wait_for(f"{refused} more refused connections are counted",
                 lambda: self.refused() >= self.before + refused)
        self.writer.wait_progress(5)
        self.writer.stop()
        self.assertEqual(self.writer.failed, 0)
        self.wait_equal()
        with self.redis(1) as redis:
            self.writer.verify(self, redis)

    def server_port(self):
        return self.cluster.server_ports[(0, 0)]

    def test_server_port_garbage(self):
        for data in (HTTP, GARBAGE, b"\0" * 1000, b"*1\r\n$4\r\nPING\r\n"):
            with connect(self.server_port()) as one:
                send(one, data)
                self.assertNotIn(b"HTTP", answer(one))
        self.expect_unharmed(4)

    def test_server_port_half_open(self):
        """Those who say nothing, or stop in the middle, are closed after a while by the server."""
        idle = [connect(self.server_port()) for _ in range(40)]
        for one in idle[20:]:
            send(one, HALF_HELLO)
        for one in idle:
            with one:
                answer(one)
        self.expect_unharmed(40)

    def test_server_port_flood_of_connections(self):
        """More at once than wait for their handshake: the oldest give way."""
        idle = [connect(self.server_port()) for _ in range(400)]
        self.expect_unharmed(200)
        for one in idle:
            one.close()

    def test_server_port_tls_without_our_key(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with connect(self.server_port()) as one:
            try:
                with context.wrap_socket(one) as tls:
                    tls.sendall(GARBAGE)
                    self.assertEqual(tls.recv(1), b"")
            except (ssl.SSLError, OSError):
                pass  # refused in the handshake, or right after it
        self.expect_unharmed(1)

    def test_server_with_the_keys_of_another_cluster(self):
        """Same cluster file, same name, other keys, in the place of one that is gone."""
        directory = Path(tempfile.mkdtemp(dir=self.directory))
        keys = directory / "keys"
        subprocess.run([os.environ["STEWARD"], "keygen", "--cluster", self.cluster.file, "--out",
                        keys], check=True, capture_output=True, timeout=PATIENCE_S)
        self.cluster.kill_server(2, 0)
        kept = directory / "data"
        shutil.move(self.cluster.data(2, 0), kept)
        self.cluster.start_server(2, 0, keys=keys)
        try:
            wait_for("the impostor is refused", lambda: self.refused() > self.before)
            self.assertNotIn((2, 0), self.cluster.status())
            self.assertFalse(any(peer["connected"] and peer["site"] == 2
                                 for peer in self.cluster.status()[(0, 0)].peers))
        finally:
            self.cluster.kill_server(2, 0)
            shutil.rmtree(self.cluster.data(2, 0))
            shutil.move(kept, self.cluster.data(2, 0))
            self.cluster.start_server(2, 0)
        wait_for("all servers are connected", self.connected)
        self.expect_unharmed(1)

    def test_gateway_port_garbage(self):
        """Bytes that are no commands may be answered with an error of Redis, then it is over."""
        port = self.cluster.gateway_ports[0]
        for data in (HTTP, b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n", b"*1\r\n$-5\r\n",
                     b"*-9999999999\r\n*x\r\n", b"*2147483648\r\n", b"*1\r\n$999999999999\r\n",
                     b"x" * 200_000):
            with self.subTest(data[:30]), connect(port) as one:
                send(one, data)
                text = answer(one)
                self.assertTrue(text == b"" or text.startswith(b"-ERR"), text[:80])
        with connect(port) as one:
            send(one, GARBAGE)
            one.shutdown(socket.SHUT_WR)
            answer(one)
        self.expect_unharmed()

    def test_gateway_port_half_open(self):
        """A client may be slow: it takes nothing from the others."""
        port = self.cluster.gateway_ports[0]
        idle = [connect(port) for _ in range(100)]
        for one in idle[50:]:
            send(one, b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$100000\r\nabc")
        self.expect_unharmed()
        with self.redis() as redis:
            self.assertEqual(redis.command("EXISTS", "half"), 0)
        for one in idle:
            one.close()


if __name__ == "__main__":
    unittest.main()
