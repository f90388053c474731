"""The checker of histories finds what it is for, in histories made by hand, and accepts what real
concurrency may bring about."""

import random
import unittest

import cluster_case  # noqa: F401 - where demolib is
from demolib.history import NEVER, Operation, Undecided, apply, check


def op(session, name, invoked, completed, result=None, argument=b"", key="k", strong=True):
    return Operation(session, key, name, argument, invoked, completed, result, strong)


def write(session, invoked, completed, value, key="k"):
    return op(session, "SET", invoked, completed, b"OK", value, key)


def read(session, invoked, completed, value, key="k"):
    return op(session, "GET", invoked, completed, value, key=key)


def session_read(session, invoked, completed, value, key="k"):
    return op(session, "GET", invoked, completed, value, key=key, strong=False)


class Histories:
    """For each kind of history."""

    def good(self, *operations):
        self.assertEqual(check(operations), [])

    def bad(self, *operations):
        found = check(operations)
        self.assertEqual(len(found), 1, found)
        return found[0]


class Strong(Histories, unittest.TestCase):
    def test_one_after_the_other(self):
        self.good(read("a", 0, 1, None), write("a", 2, 3, b"1"), read("b", 4, 5, b"1"))

    def test_a_read_beside_a_write_may_see_either(self):
        for value in (None, b"1"):
            self.good(write("a", 0, 3, b"1"), read("b", 1, 2, value))

    def test_stale_read(self):
        text = self.bad(write("a", 0, 1, b"1"), write("a", 2, 3, b"2"), read("b", 4, 5, b"1"))
        self.assertIn("GET k", text)

    def test_new_value_then_old_one(self):
        """Beside a write, two reads one after the other see its value and then the old one."""
        self.bad(write("a", 0, 1, b"1"), write("a", 2, 9, b"2"), read("b", 3, 4, b"2"),
                 read("c", 5, 6, b"1"))

    def test_value_from_nowhere(self):
        self.bad(write("a", 0, 1, b"1"), read("b", 0, 5, b"2"))

    def test_value_from_the_future(self):
        self.bad(read("b", 0, 1, b"1"), write("a", 2, 3, b"1"))

    def test_lost_update(self):
        """Two swaps cannot both have replaced the same value."""
        swap = lambda who, value: op(who, "GETSET", 2, 3, b"0", value)
        self.bad(write("a", 0, 1, b"0"), swap("b", b"1"), swap("c", b"2"))
        self.good(write("a", 0, 1, b"0"), swap("b", b"1"),
                  op("c", "GETSET", 2, 3, b"1", b"2"))

    def test_acknowledged_append_that_is_gone(self):
        self.bad(op("a", "APPEND", 0, 1, 1, b"x"), op("b", "APPEND", 2, 3, 2, b"y"),
                 read("a", 4, 5, b"y"))
        self.bad(op("a", "APPEND", 0, 1, 1, b"x"), op("b", "APPEND", 2, 3, 1, b"y"))

    def test_double_increment(self):
        """A retried INCR that was executed twice shows in the next one."""
        self.good(op("a", "INCR", 0, 1, 1), op("b", "INCR", 2, 3, 2))
        self.bad(op("a", "INCR", 0, 1, 1), op("b", "INCR", 2, 3, 3))
        self.bad(op("a", "INCR", 0, 1, 1), op("b", "INCR", 2, 3, 1))

    def test_two_holders_of_a_lock(self):
        take = lambda who, result: op(who, "SETNX", 0, 3, result, who.encode())
        self.good(take("a", 1), take("b", 0))
        self.bad(take("a", 1), take("b", 1))
        self.good(take("a", 1), op("c", "GETDEL", 1, 2, b"a"), take("b", 1))

    def test_keys_are_independent(self):
        text = self.bad(write("a", 0, 1, b"1", key="x"), read("a", 2, 3, None, key="x"),
                        write("a", 4, 5, b"1", key="y"), read("a", 6, 7, b"1", key="y"))
        self.assertIn("key x", text)


class Unknown(Histories, unittest.TestCase):
    """Operations whose outcome nobody knows."""

    def test_may_have_happened_late_or_never(self):
        lost = op("a", "SET", 0, NEVER, argument=b"1")
        self.good(lost, read("b", 1, 2, None))
        self.good(lost, read("b", 1, 2, b"1"))
        self.good(lost, read("b", 1, 2, None), read("b", 3, 4, b"1"))

    def test_happened_once_at_most(self):
        lost = op("a", "INCR", 0, NEVER)
        self.good(lost, op("b", "INCR", 1, 2, 2))
        self.good(lost, op("b", "INCR", 1, 2, 1), op("b", "INCR", 3, 4, 3))
        self.bad(lost, op("b", "INCR", 1, 2, 3))
        self.bad(lost, op("b", "INCR", 1, 2, 2), op("b", "INCR", 3, 4, 4))

    def test_not_before_it_was_invoked(self):
        self.bad(read("b", 0, 1, b"1"), op("a", "SET", 2, NEVER, argument=b"1"))

    def test_not_undone(self):
        self.bad(op("a", "SET", 0, NEVER, argument=b"1"), read("b", 1, 2, b"1"),
                 read("b", 3, 4, None))


class Sessions(Histories, unittest.TestCase):
    """Reads that are not ordered."""

    def test_may_be_old(self):
        self.good(write("a", 0, 1, b"1"), write("a", 2, 3, b"2"), session_read("b", 4, 5, None),
                  session_read("b", 6, 7, b"1"), session_read("b", 8, 9, b"2"))

    def test_see_the_own_writes(self):
        self.bad(write("a", 0, 1, b"1"), session_read("a", 2, 3, None))
        self.good(write("a", 0, 1, b"1"), write("b", 2, 3, b"2"), session_read("a", 4, 5, b"1"))

    def test_see_what_replies_to_writes_told(self):
        self.bad(op("a", "INCR", 0, 1, 1), op("b", "INCR", 2, 3, 2),
                 session_read("b", 4, 5, b"1"))

    def test_never_go_back(self):
        self.bad(write("a", 0, 1, b"1"), write("a", 2, 3, b"2"), session_read("b", 4, 5, b"2"),
                 session_read("b", 6, 7, b"1"))

    def test_of_two_sessions_are_not_compared(self):
        self.good(write("a", 0, 1, b"1"), session_read("b", 2, 3, b"1"),
                  session_read("c", 4, 5, None))

    def test_do_not_see_the_future(self):
        self.bad(session_read("b", 0, 1, b"1"), write("a", 2, 3, b"1"))

    def test_do_not_see_what_was_never_there(self):
        self.bad(write("a", 0, 1, b"1"), session_read("b", 2, 3, b"2"))
        self.bad(op("a", "APPEND", 0, 1, 1, b"x"), op("a", "APPEND", 2, 3, 2, b"y"),
                 session_read("b", 4, 5, b"y"))


class Many(unittest.TestCase):
    """Histories drawn from a store that is right, and the same with one result changed."""

    CLIENTS = 6
    KINDS = (("SET", "GETSET", "GET"), ("APPEND", "GET"), ("INCR", "GET"),
             ("SETNX", "GETDEL", "GET"), ("SET", "GET", "GETSET", "APPEND", "SETNX", "GETDEL"))

    def history(self, seed, kind, length=400, unknown=0.01):
        """Each operation takes effect at one moment of its time. A read of everything closes it."""
        draw = random.Random(seed)
        free_at = [0.0] * self.CLIENTS
        plans = []
        for number in range(length):
            client = draw.randrange(self.CLIENTS)
            invoked = free_at[client] + draw.random()
            completed = invoked + draw.random() * 4
            free_at[client] = completed
            plans.append((draw.uniform(invoked, completed), invoked, completed, client, number))
        state, out = None, []
        for _, invoked, completed, client, number in sorted(plans):
            name = draw.choice(kind)
            argument = b"" if name in ("GET", "GETDEL", "INCR") else b"%d," % number
            if draw.random() < unknown:
                if draw.random() < 0.5:
                    state, _ = apply(state, name, argument)
                out.append(op(client, name, invoked, NEVER, argument=argument))
                continue
            state, result = apply(state, name, argument)
            out.append(op(client, name, invoked, completed, result, argument))
        end = max(free_at)
        return [*out, read("last", end + 1, end + 2, state)]

    def test_right_ones_are_accepted(self):
        for kind in self.KINDS:
            for seed in range(10):
                with self.subTest(kind=kind, seed=seed):
                    self.assertEqual(check(self.history(seed, kind)), [])

    def test_a_wrong_result_is_found(self):
        """The last read sees a value that was there for some time, long ago."""
        for kind in self.KINDS:
            for seed in range(5):
                history = self.history(seed, kind, unknown=0.0)
                last = history[-1]
                early = next(one.result for one in history
                             if one.name == "GET" and one.result not in (None, last.result))
                history[-1] = read("last", last.invoked, last.completed, early)
                with self.subTest(kind=kind, seed=seed):
                    self.assertEqual(len(check(history)), 1)

    def test_a_search_without_end_says_so(self):
        """Writes of unknown outcome that all overlap, and a value that none of them wrote."""
        lost = [op(i, "APPEND", 0, NEVER, argument=b"%d" % i) for i in range(12)]
        with self.assertRaises(Undecided):
            check([*lost, write("w", 0, 3, b"1"), read("r", 4, 5, b"none")],
                  max_configurations=1000)


if __name__ == "__main__":
    unittest.main()
