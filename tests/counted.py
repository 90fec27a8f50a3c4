"""counted.py -- what scripts of `make check` share: the word BUILD, checks that are counted, and the last line, which
check.py reads."""
import sys


def build_given(about, words=None):
    """BUILD, the first word after the script's name. Without it, or with an option there, the usage that the
    script's text `about` tells, and exit 2."""
    words = sys.argv[1:] if words is None else words
    if not words or words[0].startswith("-"):
        print(about[about.index("usage: "):].split("\n\n")[0], file=sys.stderr)
        sys.exit(2)
    return words[0]


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
