"""What the demo prints: steps, a progress bar, tables."""

import re
import sys
import time


class Screen:
    def __init__(self):
        self._tty = sys.stdout.isatty()
        self._start = time.monotonic()
        self._shown_tenth = -1

    def say(self, text=""):
        if self._tty:
            sys.stdout.write("\r\033[K")
        print(text, flush=True)

    def step(self, text):
        self.say(f"[{time.monotonic() - self._start:5.1f} s] {text}")

    def bar(self, done, total, note):
        fraction = done / total if total else 1.0
        if self._tty:
            filled = int(fraction * 30)
            sys.stdout.write(f"\r\033[K  [{'#' * filled}{'.' * (30 - filled)}] "
                             f"{done:,}/{total:,}  {note}")
            sys.stdout.flush()
        elif int(fraction * 10) > self._shown_tenth:
            self._shown_tenth = int(fraction * 10)
            print(f"  {done:,}/{total:,}  {note}", flush=True)

    def table(self, title, head, rows):
        """Columns as wide as their content, numbers to the right. `head` may be None."""
        cells = [[str(cell) for cell in row] for row in ([head] if head else []) + rows]
        columns = range(len(cells[0]))
        widths = [max(len(row[i]) for row in cells) for i in columns]
        numeric = [all(re.match(r"-?\d|-$", str(row[i])) for row in rows) for i in columns]
        self.say()
        self.say(title)
        for number, row in enumerate(cells):
            line = "  ".join(row[i].rjust(widths[i]) if numeric[i] else row[i].ljust(widths[i])
                             for i in columns)
            self.say("  " + line.rstrip())
            if head and number == 0:
                self.say("  " + "-" * (sum(widths) + 2 * (len(widths) - 1)))


def percentile(values, fraction):
    """Nearest rank; 0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else 0.0
