"""The load: several connections at each site's gateway, pipelining records from one queue. It goes
through the records as often as there is time, at least once."""

import collections
import threading
import time

from demolib.resp import Redis, ReplyError

# One answered pipeline: when it was first sent, when it was answered, by which site's gateway.
Answer = collections.namedtuple("Answer", "sent answered site records")


class Load:
    """Each pipeline of `depth` SETs is one signed update. What fails is sent again: SET may be
    repeated. start() and stop() from one thread; the rest may be read at any time."""

    def __init__(self, ports, records, connections_per_site, depth):
        self.total = len(records)
        self.answers = []
        self.retries = 0
        self.site_of = {}   # key → the site that wrote it
        self._chunks = [records[i:i + depth] for i in range(0, len(records), depth)]
        self._next = 0
        self._enough = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._done = 0
        self._last_progress = time.monotonic()
        self._threads = [threading.Thread(target=self._work, args=(site, port), daemon=True)
                         for _ in range(connections_per_site)
                         for site, port in enumerate(ports)]

    def start(self):
        self._last_progress = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()

    def done(self):
        """Records acknowledged so far; more than `total` when some were written again."""
        with self._lock:
            return self._done

    def enough(self):
        """No more than what is under way and what was never sent."""
        with self._lock:
            self._enough = True

    def finished(self):
        return not any(thread.is_alive() for thread in self._threads)

    def _take(self):
        """The next records to send; None when all of them were and it is enough."""
        with self._lock:
            if self._enough and self._next >= len(self._chunks):
                return None
            self._next += 1
            return self._chunks[(self._next - 1) % len(self._chunks)]

    def idle_s(self):
        """Since the last answer."""
        with self._lock:
            return time.monotonic() - self._last_progress

    def _work(self, site, port):
        connection = None
        while not self._stop.is_set():
            chunk = self._take()
            if chunk is None:
                break
            sent = time.monotonic()
            while not self._stop.is_set():
                try:
                    connection = connection or Redis("127.0.0.1", port, timeout_s=120)
                    replies = connection.pipeline([("SET", key, value) for key, value in chunk])
                    if all(reply == b"OK" for reply in replies):
                        self._count(Answer(sent, time.monotonic(), site, len(chunk)), chunk)
                        break
                    errors = [reply for reply in replies if isinstance(reply, ReplyError)]
                    raise errors[0] if errors else ConnectionError(f"SET gave {replies[0]!r}")
                except ReplyError:
                    self._wait_to_retry()
                except OSError:
                    if connection:
                        connection.close()
                    connection = None
                    self._wait_to_retry()
        if connection:
            connection.close()

    def _wait_to_retry(self):
        with self._lock:
            self.retries += 1
        self._stop.wait(0.5)

    def _count(self, answer, chunk):
        with self._lock:
            self.answers.append(answer)
            self._done += len(chunk)
            self._last_progress = answer.answered
            for key, _ in chunk:
                self.site_of[key] = answer.site
