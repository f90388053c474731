"""Strangers that flood one server: with bytes that mean nothing, with handshakes that end half-way,
and, over connections that are encrypted and authenticated as clients', with requests that look
valid. Whatever the server does about it, they come again."""

import random
import socket
import ssl
import struct
import subprocess
import threading

TIMEOUT_S = 5


def field(number, data):
    """One length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def frame(message):
    return struct.pack(">I", len(message)) + message


def get_request(key):
    """A kv.Request."""
    return field(1, field(1, b"GET") + field(1, key))


def query(number, key):
    """A read, which needs no signature, of a state of the far future or of now."""
    minimum = _varint(2 << 3) + _varint(1 << 40) if number % 2 else b""
    return field(3, _varint(1 << 3) + _varint(number) + minimum + field(3, get_request(key)))


def forged_update(number, draw):
    """In all but its signature."""
    update = (field(1, draw.randbytes(32)) + _varint(2 << 3) + _varint(number + 1) +
              _varint(3 << 3) + _varint(1) + field(4, get_request(b"k")))
    return field(1, field(1, update) + field(2, draw.randbytes(64)))


class Flood:
    """From so many connections of each kind at once, until stop()."""

    def __init__(self, port, directory, garbage=20, half_open=20, clients=12):
        self.sent = {"garbage": 0, "half open": 0, "requests": 0}  # rounds of each
        self._port = port
        self._lock = threading.Lock()
        self._stop = threading.Event()
        context = self._context(directory)
        kinds = [("garbage", self._garbage)] * garbage
        kinds += [("half open", self._half_open)] * half_open
        kinds += [("requests", lambda one, draw: self._requests(one, draw, context))] * clients
        self._threads = [threading.Thread(target=self._work, args=(seed, *kind), daemon=True)
                         for seed, kind in enumerate(kinds)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(4 * TIMEOUT_S)
        if any(thread.is_alive() for thread in self._threads):
            raise AssertionError("a flooding connection hangs")

    def rounds(self):
        """Of the kind that had the fewest."""
        with self._lock:
            return min(self.sent.values())

    @staticmethod
    def _context(directory):
        """A client's: a key and certificate of its own making, as every client has."""
        key, certificate = directory / "stranger.key", directory / "stranger.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key,
                        "-out", certificate, "-subj", "/CN=stranger", "-days", "2"],
                       check=True, capture_output=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["steward/1"])
        context.load_cert_chain(certificate, key)
        return context

    def _work(self, seed, kind, once):
        draw = random.Random(seed)
        while not self._stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S) as one:
                    once(one, draw)
            except OSError:
                pass  # refused, or closed in our face
            with self._lock:
                self.sent[kind] += 1
            self._stop.wait(0.05)  # leaves the processors to those who are looked at

    def _garbage(self, one, draw):
        one.sendall(draw.randbytes(20_000))
        one.recv(1)

    def _half_open(self, one, draw):
        one.sendall(bytes.fromhex("1603010200010001fc0303") + draw.randbytes(draw.randrange(64)))
        self._stop.wait(0.5)

    def _requests(self, one, draw, context):
        with context.wrap_socket(one) as tls:
            tls.sendall(frame(b""))
            for number in range(100):
                tls.sendall(frame(query(number, b"k")))
                tls.sendall(frame(forged_update(number, draw)))
            tls.sendall(frame(draw.randbytes(1000)))
            tls.recv(65536)
