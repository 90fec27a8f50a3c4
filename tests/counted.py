"""counted.py -- what scripts of `make check` share: checks that are counted, and the last line, which check.py reads."""
import sys


class Checks:
    """Called with what is checked, whether it holds, and what was seen, which is shown where it does not."""

    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def __call__(self, what, good, seen=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            seen = str(seen).strip()[:600]
            print(f"FAILED {self.name}: {what}{': ' if seen else ''}{seen}")
        return good

    def end(self):
        """The last line; exit 1 where something failed."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed")
        sys.exit(self.failed > 0)
