#!/usr/bin/env python3
"""check.py -- what `make check` runs: every suite of the table below, several at once.

usage: check.py BUILD [SUITE..]     built, with its unit tests; SUITE: these alone
       check.py --list              the table
JOBS suites are at work at once (as many as there are processors, without it); each of them works alone, so
its own JOBS is 1. Each suite's last line is `NAME: N passed, N failed`; their sum is the last line here.
Fails when anything failed, or nothing ran."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from counted import build_given

MAKE = os.environ.get("MAKE", "make")


class Suite:
    """A row of the table. `counted`: it prints its own count; otherwise it is one test, by its status.
    `after`: suites whose outputs it reads."""

    def __init__(self, name, purpose, command, counted=True, after=()):
        self.name, self.purpose, self.command, self.counted, self.after = name, purpose, command, counted, after


# What takes long stands first, so that all end at about the same time; what others wait for stands before it.
SUITES = [
    Suite("format", "every C file is laid out as .clang-format says", "tests/format.sh"),
    Suite("layers", "which folder includes which", "tests/layers.sh"),
    Suite("order", "no expression makes two ops in an order that C leaves open", "tests/order.py"),
    Suite("names", "files, functions and types have names of their own, in their own rooms", "tests/measure.py --check"),
    Suite("params", "what does not fit an op's row does not compile", "tests/params.sh {build}"),
    Suite("pages", "pages of docs/ that tables write are what the tables say", "tests/pages.sh {build}"),
    Suite("units", "unit tests", "tests/units.sh {build}"),
    Suite("golden", "commands and what they print", "tests/golden.sh {build}"),
    Suite("macos", "both processors of a Mac are built; arm64 code under qemu", "tests/macos.sh {build}"),
    Suite("clang", "the other compiler's warnings, which do not depend on optimising",
          "{make} -s objects CC=clang WERROR=1 BUILD={build}-clang CFLAGS=-O0", counted=False),
    Suite("faults", "a call that fails in the midst of writing leaves the old or the new file", "tests/faults.py {build}"),
    Suite("conformance", "Apple's and torch's ops, by the reference and by the processor's kernels",
          "tests/conformance.sh {build}"),
    Suite("train", "training: curves, resuming, killed runs, bad input", "tests/train.sh {build}"),
    Suite("compress", "weights of packages in other forms, read by another decoder", "tests/compress.py {build}"),
    Suite("opset", "conformance cases in other opsets", "tests/opset.py {build}"),
    Suite("writers", "equal runs write equal bytes, whatever memory held", "tests/writers.sh {build}"),
    Suite("memory", "memory that runs out at any request", "tests/memory.sh {build}"),
    Suite("constants", "both precisions of a net become the same ops",
          "tests/constants.py {build} ../shared/packages/cases"),
    Suite("legal", "programs made legal for each chip give the numbers that they gave", "tests/legal.sh {build}"),
    Suite("coreai", "programs for Core AI's Python package, by a stand-in of it", "tests/coreai.py {build}"),
    Suite("vad", "the voice activity example hears speech", "tests/vad.sh {build}"),
    Suite("docs", "what docs/ and README show is what happens", "tests/docs.sh {build}"),
    Suite("tried", "commands that README and docs/ show, a page at a time, from an empty folder", "tests/tried.py {build}"),
    Suite("fuzz", "inputs that fuzzers found, and a few seconds of new ones", "tests/fuzz/run.sh {build}"),
    Suite("growth", "time and memory in proportion to the input", "tests/growth.sh {build}"),
    Suite("tsan", "threads that share the library, under the thread sanitizer", "{make} -s tsan", counted=False),
    Suite("first", "the first run on a Mac, whole, against the stand-in", "tests/first.sh {build}"),
    Suite("training", "torch's gradients in double precision; those of packages", "tests/gradients.sh {build}"),
    Suite("messages", "every message is given by some test", "tests/messages.py {build}",
          after=("units", "golden", "onnx")),
    Suite("models", "sixteen models of usual kinds agree with torch on ref, cpu and each simulated engine",
          "tests/models.py {build}"),
    Suite("gguf", "each type of tensor of a .gguf as its numbers, a Llama's names, files cut anywhere",
          "tests/gguf.py {build}"),
    Suite("completion", "bash, and zsh and fish where they are, complete what the option tables have",
          "tests/completion.sh {build}"),
    Suite("lint", "the commands of docs/ci.md, over packages, and the SARIF that comes of them",
          "tests/lint.py {build} ../shared/packages/cases"),
    Suite("chips", "a made-up chip works in every tool", "tests/chips/run.sh {build}"),
    Suite("api", "what the library exports, and its clients", "tests/api.sh {build}"),
    Suite("struck", "what can go wrong on the stand-in: sources, page, and what tests have met with",
          "tests/struck.sh {build}", after=("units", "golden", "train", "first")),
    Suite("python", "the Python package, installed by pip and used from an empty folder", "tests/python.sh {build}"),
    Suite("onnx", "ONNX's own tests of its operators, and files that must be refused",
          "/usr/bin/env PATH=/usr/bin:$PATH tests/onnx.py {build}"),
    Suite("published", "what a plan and the stand-in's clock say, beside costs that others published",
          "tests/published.py {build}"),
    Suite("plan", "the page that says what runs where, in a browser", "tests/plan.sh {build}"),
    Suite("packages", "Debian packages and the formula of Homebrew, installed and used", "tests/packages.sh {build}"),
    Suite("lsp", "a client speaks with anec --lsp as an editor does", "tests/lsp.py {build}"),
    Suite("mutate", "the mutation runner itself", "tests/mutate/selftest.py"),
]


class Outcome:
    def __init__(self, passed, failed, seconds):
        self.passed, self.failed, self.seconds = passed, failed, seconds


def judged(suite, status, text):
    """How many passed and failed. A suite that ends without its line, or badly without a failure, has failed."""
    if not suite.counted:
        return (1, 0) if status == 0 else (0, 1)
    lines = re.findall(r"^%s: (\d+) passed, (\d+) failed$" % re.escape(suite.name), text, re.M)
    if not lines:
        return 0, 1
    passed, failed = map(int, lines[-1])
    return passed, failed if failed or status == 0 else 1


def run(suite, build):
    """Runs one suite; its output, to its end, and its outcome."""
    began = time.monotonic()
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment["JOBS"] = "1"
    environment["ANESIM_STRUCK"] = os.path.join(os.path.abspath(build), "struck")  # struck.sh
    with tempfile.TemporaryFile() as log:
        command = suite.command.format(build=build, make=MAKE)
        status = subprocess.call(command, shell=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        log.seek(0)
        text = log.read().decode(errors="replace")
    passed, failed = judged(suite, status, text)
    if not suite.counted and not failed:
        text = ""
    if not suite.counted or not re.search(r"^%s: \d+ passed, %d failed$" % (re.escape(suite.name), failed), text, re.M):
        text += "%s: %d passed, %d failed%s\n" % (suite.name, passed, failed, " (status %d)" % status if status else "")
    return text, Outcome(passed, failed, time.monotonic() - began)


def shared(build):
    """What suites have in common, and when it was made: one that links it anew breaks another that has it open."""
    paths = [os.path.join(build, n) for n in os.listdir(build) if n.startswith(("ane", "libane"))]
    return {p: os.stat(p).st_mtime_ns for p in paths if os.path.isfile(p)}


class Lanes:
    """Threads that take the next suite whose predecessors are through."""

    def __init__(self, suites, build):
        self.waiting, self.build = list(suites), build
        self.names = {s.name for s in suites}
        self.outcomes = {}
        self.turn = threading.Condition()
        self.shared = shared(build)

    def next(self):
        """The next suite; None at the end."""
        with self.turn:
            while self.waiting:
                for suite in self.waiting:
                    if all(a in self.outcomes for a in suite.after if a in self.names):
                        self.waiting.remove(suite)
                        return suite
                self.turn.wait()
        return None

    def work(self):
        while suite := self.next():
            text, outcome = run(suite, self.build)
            with self.turn:
                now = shared(self.build)
                anew = sorted(os.path.basename(p) for p, made in self.shared.items() if now.get(p) != made)
                self.shared = now
                if anew:
                    text += "check: %s was made anew while %s ran, or what ran beside it\n" % (", ".join(anew), suite.name)
                    outcome.failed += 1
                sys.stdout.write(text)
                sys.stdout.flush()
                self.outcomes[suite.name] = outcome
                self.turn.notify_all()

    def run(self, lanes):
        threads = [threading.Thread(target=self.work) for _ in range(lanes)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return self.outcomes


def main():
    if sys.argv[1:] == ["--list"]:
        for s in SUITES:
            print("%-12s %s" % (s.name, s.purpose))
        return 0
    build, names = build_given(__doc__), sys.argv[2:]
    unknown = set(names) - {s.name for s in SUITES}
    if unknown:
        sys.exit("check: there is no suite %s; --list names them" % ", ".join(sorted(unknown)))
    suites = [s for s in SUITES if not names or s.name in names]
    if not names:
        shutil.rmtree(os.path.join(build, "struck"), ignore_errors=True)
    os.makedirs(os.path.join(build, "struck"), exist_ok=True)
    outcomes = Lanes(suites, build).run(int(os.environ.get("JOBS") or os.cpu_count() or 1))
    slow = sorted(outcomes.items(), key=lambda o: -o[1].seconds)
    print("seconds: " + ", ".join("%s %.0f" % (name, o.seconds) for name, o in slow))
    bad = [name for name, o in outcomes.items() if o.failed]
    if bad:
        print("failed: " + ", ".join(bad))
    passed, failed = sum(o.passed for o in outcomes.values()), sum(o.failed for o in outcomes.values())
    print("%d passed, %d failed" % (passed, failed))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
