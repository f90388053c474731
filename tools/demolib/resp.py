"""The least of a Redis client: pipelines over one connection, RESP2."""

import socket


class ReplyError(Exception):
    """What the server answers with a leading minus sign."""


class Redis:
    """One connection. Not for several threads at once."""

    def __init__(self, host, port, timeout_s):
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    def close(self):
        self._replies.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def command(self, *words):
        reply = self.pipeline([words])[0]
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, commands):
        """Sends all commands at once; the replies in order, errors among them as values."""
        self.send(commands)
        return [self._read() for _ in commands]

    def send(self, commands):
        """And nothing else: the replies are left to whoever reads next."""
        self._socket.sendall(b"".join(self._encode(words) for words in commands))

    @staticmethod
    def _encode(words):
        out = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(data), data))
        return b"".join(out)

    def _line(self):
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the gateway closed the connection")
        return line[:-2]

    def _read(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            if length < 0:
                return None
            data = self._replies.read(length + 2)
            if len(data) != length + 2:
                raise ConnectionError("the gateway closed the connection")
            return data[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        raise ConnectionError(f"not a Redis reply: {line[:60]!r}")
