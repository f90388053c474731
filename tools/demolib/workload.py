"""Clients that work on a few keys at once, through several gateways, and write down what they saw,
for demolib.history to judge."""

import random
import threading
import time
from collections import namedtuple

from demolib.history import NEVER, READS, Operation
from demolib.resp import Redis, ReplyError

Gateway = namedtuple("Gateway", "name port strong")  # strong: it orders reads, too

# What is done to keys of one kind. Each write has a value of its own, so that it can be recognised.
KINDS = {"register": ("SET", "SET", "GETSET", "GET", "GET"), "counter": ("INCR", "INCR", "GET"),
         "log": ("APPEND", "APPEND", "GET"), "lock": ("SETNX", "GETDEL", "GET")}
VALUED = frozenset({"SET", "GETSET", "SETNX", "APPEND"})


class Client:
    """One connection and its thread; what it did is read after stop(), counts at any time."""

    # A gateway answers after a minute at the latest, if only that it does not know.
    TIMEOUT_S = 90

    def __init__(self, number, gateway, prefix, seed, pause_s, breaks):
        self.gateway = gateway
        self.operations = []
        self.updates = []  # when each acknowledged update was answered
        self.reads = 0     # that were answered
        self.unknown = 0   # operations of which the outcome is not known
        self._number = number
        self._prefix = prefix
        self._draw = random.Random(f"{seed}:{number}")
        self._pause_s = pause_s
        self._breaks = breaks
        self._redis = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self._thread.start()

    def ask_to_stop(self):
        self._stop.set()

    def join(self):
        self._thread.join(self.TIMEOUT_S + 10)
        return not self._thread.is_alive()

    def _work(self):
        number = 0
        while not self._stop.is_set():
            try:
                self._redis = self._redis or Redis("127.0.0.1", self.gateway.port, self.TIMEOUT_S)
                self._do(number)
            except OSError:
                self._disconnect()
                self._stop.wait(0.2)
            number += 1
            self._stop.wait(self._pause_s)
        self._disconnect()

    def _disconnect(self):
        if self._redis:
            self._redis.close()
        self._redis = None

    def _do(self, number):
        kind = self._draw.choice(tuple(KINDS))
        name = self._draw.choice(KINDS[kind])
        key = f"{self._prefix}:{kind}"
        argument = f"{self._number}.{number} ".encode() if name in VALUED else b""
        words = [name, key, argument] if name in VALUED else [name, key]
        invoked = time.monotonic()
        completed, result = NEVER, None
        try:
            if self._draw.random() < self._breaks:
                self._redis.send([words])
                self._disconnect()  # before the answer
            else:
                result = self._redis.command(*words)
                completed = time.monotonic()
        except ReplyError:
            pass  # not enough servers agreed in time: executed, not executed, or yet to be
        finally:
            self._note(Operation(self.gateway.name, key, name, argument, invoked, completed, result,
                                 self.gateway.strong or name not in READS))

    def _note(self, operation):
        self.operations.append(operation)
        if not operation.known():
            self.unknown += 1
        elif operation.name in READS:
            self.reads += 1
        else:
            self.updates.append(operation.completed)


class Workload:
    """`breaks`: the part of the operations after which a client hangs up without the answer.
    What gateways order is set here and stays. Everything from one thread."""

    def __init__(self, gateways, prefix, clients_per_gateway=2, seed=1, pause_s=0.01, breaks=0.0):
        self.gateways = gateways
        self.keys = [f"{prefix}:{kind}" for kind in KINDS]
        for gateway in gateways:
            with Redis("127.0.0.1", gateway.port, Client.TIMEOUT_S) as redis:
                redis.command("CONFIG", "SET", "steward-read",
                              "linearizable" if gateway.strong else "local")
        self.clients = [Client(number, gateway, prefix, seed, pause_s, breaks) for number, gateway
                        in enumerate(gateways * clients_per_gateway)]
        for client in self.clients:
            client.start()

    def stop(self):
        """False when a client hangs."""
        for client in self.clients:
            client.ask_to_stop()
        return all([client.join() for client in self.clients])

    def updates(self):
        """When updates were acknowledged, in order of time."""
        return sorted(time_s for client in self.clients for time_s in list(client.updates))

    def unknown(self):
        return sum(client.unknown for client in self.clients)

    def final_reads(self, gateway):
        """Reads, through a gateway that orders them, what is there once all clients have stopped."""
        out = []
        with Redis("127.0.0.1", gateway.port, Client.TIMEOUT_S) as redis:
            for key in self.keys:
                invoked = time.monotonic()
                value = redis.command("GET", key)
                out.append(Operation("final read", key, "GET", b"", invoked, time.monotonic(),
                                     value))
        return out

    def history(self):
        return [one for client in self.clients for one in client.operations]
