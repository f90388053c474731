"""What concurrent clients saw of a store of strings, and whether that is possible.

Sources: M. Herlihy, J. Wing, "Linearizability: a correctness condition for concurrent objects"
(1990), for what is checked and that it may be checked for each key alone; J. Wing, C. Gong, "Testing
and verifying concurrent objects" (1993), for the search; G. Lowe, "Testing for linearizability"
(2017), for remembering the configurations that led nowhere; D. Terry et al., "Session guarantees
for weakly consistent replicated data" (1994), for what reads promise that are not ordered.

Strong operations have to take effect between their invocation and their completion. A session read
is answered from some state that may be old, but that contains everything its session had seen when
it was invoked, and nothing that was invoked after it had completed: read your writes, monotonic
reads. In both cases what has to be found is one order of the operations on a key that respects
what must come before what, and in which each gives the result that was seen. An operation of unknown
outcome may take effect at any time after its invocation, or never.

For session reads the check of each key alone is necessary, not sufficient: a session that sees a
new value of one key and then an old one of another is not noticed.
"""

import math
from dataclasses import dataclass

NEVER = math.inf
READS = frozenset({"GET"})
SWAPS = frozenset({"SET", "GETSET", "GET"})
APPENDS = frozenset({"APPEND", "GET"})


@dataclass(frozen=True)
class Operation:
    """`result` means nothing while `completed` is NEVER. Times: of one monotonic clock."""
    session: object
    key: str
    name: str
    argument: bytes
    invoked: float
    completed: float = NEVER
    result: object = None
    strong: bool = True   # False: a session read

    def known(self):
        return self.completed != NEVER

    def __str__(self):
        argument = f" {self.argument!r}" if self.argument else ""
        outcome = f"= {self.result!r}" if self.known() else "of unknown outcome"
        end = f"{self.completed:.4f}" if self.known() else "?"
        kind = "" if self.strong else "session read "
        return (f"[{self.invoked:.4f} .. {end}] {self.session}: {kind}{self.name} {self.key}"
                f"{argument} {outcome}")


class Undecided(Exception):
    """The search became too long; the history may be good or bad."""


def apply(state, name, argument):
    """The specification, that of Redis' strings. State of a key: bytes, None when it is missing.
    The new state and the reply."""
    if name == "GET":
        return state, state
    if name == "SET":
        return argument, b"OK"
    if name == "GETSET":
        return argument, state
    if name == "GETDEL":
        return None, state
    if name == "SETNX":
        return (argument, 1) if state is None else (state, 0)
    if name == "APPEND":
        state = (state or b"") + argument
        return state, len(state)
    if name == "INCR":
        number = int(state or b"0") + 1
        return b"%d" % number, number
    raise ValueError(f"no specification of {name}")


def relevant(unknown, known):
    """The operations of unknown outcome on one key that may matter to the known ones. Values are
    taken to be written once."""
    unknown = [one for one in unknown if one.name not in READS]
    names = {one.name for one in known + unknown}
    if names <= SWAPS:
        # What nobody saw was overwritten before anybody looked, or is yet to come.
        seen = {one.result for one in known}
        return [one for one in unknown if one.argument in seen]
    if names <= APPENDS and known:
        # Nothing is ever taken away: what the last read of all does not show was not there before.
        last = max(known, key=lambda one: one.invoked)
        others = max((one.completed for one in known if one is not last), default=0)
        if last.name in READS and last.strong and others < last.invoked:
            return [one for one in unknown if one.argument in (last.result or b"")]
    return unknown


class _Search:
    """The operations on one key. A configuration is what has been placed in the order, as for each
    session the number of its operations before which all are placed, and those placed beyond; then
    the operations of unknown outcome that are placed; and the state."""

    def __init__(self, operations, max_configurations):
        known = [one for one in operations if one.known()]
        unknown = [one for one in operations if not one.known()]
        self.unknown = sorted(relevant(unknown, known), key=lambda one: one.invoked)
        sessions = {}
        for one in sorted(known, key=lambda one: one.invoked):
            sessions.setdefault(one.session, []).append(one)
        self.sessions = list(sessions.values())
        self.total = len(known)
        self.max_configurations = max_configurations
        self.seen = set()
        self.best = (-1, None, [])  # placed, state, those that none of could come next

    def run(self):
        """True when there is an order."""
        first = (tuple((0, frozenset()) for _ in self.sessions), frozenset(), None)
        stack = [self.settle(first)]
        while stack:
            configuration = stack.pop()
            if configuration in self.seen:
                continue
            self.seen.add(configuration)
            if len(self.seen) > self.max_configurations:
                raise Undecided(f"{self.max_configurations} configurations of {self.total} "
                                "operations were not enough")
            candidates = self.candidates(configuration)
            if candidates is None:
                return True
            self.note(configuration, candidates)
            # What had to be done first is tried first, what may never have been done last.
            for where, one in sorted(candidates, key=lambda c: -c[1].completed):
                state, result = apply(configuration[2], one.name, one.argument)
                if not one.known() or result == one.result:
                    stack.append(self.settle(self.place(configuration, where, state)))
        return False

    def settle(self, configuration):
        """Places all that may come next and changes nothing: it can only be in the way later."""
        again = True
        while again:
            again = False
            for where, one in self.candidates(configuration) or ():
                state, result = apply(configuration[2], one.name, one.argument)
                if one.known() and result == one.result and state == configuration[2]:
                    configuration = self.place(configuration, where, state)
                    again = True
        return configuration

    def place(self, configuration, where, state):
        positions, unknown, _ = configuration
        session, index = where
        if session is None:
            return positions, unknown | {index}, state
        start, beyond = positions[session]
        beyond = set(beyond) | {index}
        while start in beyond:
            beyond.remove(start)
            start += 1
        changed = (start, frozenset(beyond))
        return positions[:session] + (changed,) + positions[session + 1:], unknown, state

    def candidates(self, configuration):
        """Those that nothing unplaced must precede, with where they stand. None when every operation
        of known outcome is placed."""
        positions, placed_unknown, _ = configuration
        found = []   # may come next as far as their own session goes
        everyone = NEVER  # until when an unplaced operation of any session was completed
        for session, (start, beyond) in enumerate(positions):
            operations = self.sessions[session]
            first = NEVER
            for index in range(start, len(operations)):
                one = operations[index]
                if one.invoked > first:
                    break
                if index in beyond:
                    continue
                found.append(((session, index), one))
                first = min(first, one.completed)
            everyone = min(everyone, first)
        if not found:
            return None
        alike = set()  # of operations that do the same the earliest will do
        for index, one in enumerate(self.unknown):
            if index not in placed_unknown and (one.name, one.argument) not in alike:
                alike.add((one.name, one.argument))
                found.append(((None, index), one))
        return [(where, one) for where, one in found
                if not one.strong or one.invoked <= everyone]

    def note(self, configuration, candidates):
        placed = sum(start + len(beyond) for start, beyond in configuration[0])
        if placed > self.best[0]:
            self.best = (placed, configuration[2], [one for _, one in candidates])


def check_key(operations, max_configurations=500_000):
    """None when the operations on one key have an order, else how far one gets, as text."""
    search = _Search(operations, max_configurations)
    if search.run():
        return None
    placed, state, next_ones = search.best
    lines = "\n".join(f"    {one}" for one in sorted(next_ones, key=lambda one: one.invoked))
    return (f"key {operations[0].key}: after {placed} of {search.total} operations the value is "
            f"{_short(state)}, and none of these gives what was seen:\n{lines}")


def check(operations, max_configurations=500_000):
    """What is impossible in a history that began with an empty store: a text for each bad key."""
    keys = {}
    for one in operations:
        keys.setdefault(one.key, []).append(one)
    found = (check_key(of_key, max_configurations) for of_key in keys.values())
    return [text for text in found if text]


def _short(state):
    return repr(state if state is None or len(state) <= 60 else b"..." + state[-57:])
