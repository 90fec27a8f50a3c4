"""suites.py -- the tests that mutants meet: what each reaches, how long it takes, whether it fails.

Unit tests are programs, golden cases are commands whose output is compared (as tests/golden.sh does it,
without a shell script around each); the other suites run whole. All run as an ordinary user in folders of
the copy, so that a mutant that removes or writes the wrong file harms nothing."""
import concurrent.futures
import glob
import hashlib
import os
import pickle
import pwd
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zlib

ROOM = 1 << 17  # as in mutant.c
# What is left meets these suites of tests/check.py whole, however long they take. Left out are units and golden, which run
# test by test, and what builds or reads sources.
LATE = ["lsp", "gguf", "onnx", "compress", "constants", "opset", "models", "plan", "writers", "completion", "lint", "api", "docs", "vad",
        "fuzz", "faults", "legal", "training", "conformance", "memory", "train", "first"]

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from check import SUITES  # noqa: E402


def whole():
    """Those suites: name, command."""
    commands = {s.name: s.command.format(build="build", make="make") for s in SUITES}
    return [(name, commands[name]) for name in LATE]


class Test:
    """`files`: what it is made of; while they are what they were it reaches what it did. `own`: those of them
    that are the test's and no program of ours. `late`: only what the others leave meets it."""

    def __init__(self, name, run, files=(), own=(), late=False):
        self.name, self.run, self.files, self.own, self.late = name, run, files, own, late
        self.seconds, self.passes, self.seen, self.kills, self.share = 0.0, False, b"", {}, {}

    def reaches(self, number):
        return number in self.seen if isinstance(self.seen, frozenset) else number < len(self.seen) and self.seen[number] != 0


def limits(seconds):
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def ended(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def finished(args, timeout, **more):
    """Exit status of a command in a group of its own, which ends as a whole, and the seconds of a processor that it
    took. It may take `timeout` of these, which other work on the machine does not change, and wait ten times
    as long; else its status is not 0."""
    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=lambda: limits(timeout), **more)
    late = threading.Timer(10 * timeout, ended, (p.pid,))
    late.start()
    _, status, used = os.wait4(p.pid, 0)
    late.cancel()
    p.returncode = os.waitstatus_to_exitcode(status)
    ended(p.pid)
    return p.returncode, used.ru_utime + used.ru_stime


class Suites:
    def __init__(self, tree, jobs, without="", late=()):
        self.tree, self.jobs = tree, jobs
        self.without = re.compile(without) if without else None
        self.temp = os.path.join(os.path.dirname(tree), "temp")
        shutil.rmtree(self.temp, ignore_errors=True)
        os.makedirs(self.temp, mode=0o777)
        os.chmod(self.temp, 0o777)
        units = sorted(glob.glob(tree + "/tests/unit/test_*.c"))
        self.units = [os.path.basename(u)[:-2] for u in units]
        self.late = late

    def goals(self):
        fuzz = [os.path.basename(f)[:-2].replace("fuzz_", "build/fuzz/") for f in glob.glob(self.tree + "/tests/fuzz/fuzz_*.c")]
        more = ["build/vad", "build/digits-demo", "build/inject.so", "build/nomem.so"] + fuzz if self.late else []
        return ["build/unit/" + u for u in self.units] + more

    # ---- one test ----

    def environment(self, temp, mutant, seen, test=None):
        e = dict(os.environ, TMPDIR=temp, HOME=temp, MUTANT=str(mutant))
        e.pop("MUTANT_TEST", None)
        if test:
            e["MUTANT_TEST"] = test
        for name in ("ANEC_ANE_LIB", "ANESIM_CHIP", "ANESIM_FAULT", "MUTANT_SEEN", "ANEC_CACHE_DIR", "XDG_CACHE_HOME"):
            e.pop(name, None)
        if seen:
            e["MUTANT_SEEN"] = seen
        return e

    def command(self, words, test=None):
        def run(temp, mutant, seen, timeout):
            with open(temp + "/log", "wb") as log:
                status, used = finished(words, timeout, cwd=self.tree, env=self.environment(temp, mutant, seen, test),
                                        stdout=log, stderr=log)
            return status == 0, used
        return run

    def tests_of(self, unit):
        """The tests that a program of unit tests runs, each alone."""
        with open(f"{self.tree}/tests/unit/{unit}.c") as f:
            text = f.read()
        names = re.findall(r"(?:cmocka_unit_test\w*|\bTEST)\(\s*(\w+)", text.split("struct CMUnitTest", 1)[-1])
        for name in dict.fromkeys(names):
            yield Test(f"unit {unit} {name}", self.command([f"build/unit/{unit}"], name), *self.files_of(unit))

    def files_of(self, unit):
        """The program and what stands beside its source that it reads; its source, and that."""
        folder = self.tree + "/tests/unit/"
        with open(folder + unit + ".c") as f:
            names = set(re.findall(r"[\w.]+\.(?:txt|anedsl|mil|dump)\b", f.read()))
        program = f"{self.tree}/build/unit/{unit}"
        beside = sorted(folder + n for n in names if os.path.exists(folder + n))
        return [program] * os.path.exists(program) + beside, [folder + unit + ".c"] + beside

    def golden(self, case):
        folder, name = os.path.split(case)
        base = case[:-4] if case.endswith(".cmd") else case
        with open(case, "rb") as f:
            lines = f.read().decode("utf-8", "replace").split("\n")
        exit_line = re.match(r"(?://|#) *exit: *(\d+)", lines[1]) if len(lines) > 1 else None
        if base == case:
            text = re.sub(r"^(//|#) *", "", lines[0])
        else:
            text = "\n".join([re.sub(r"^# *", "", lines[0])] + [l for i, l in enumerate(lines[1:]) if i or not l.startswith("#")])
        text = text.replace("%s", shlex.quote(name))
        expected = [open(base + k, "rb").read() if os.path.exists(base + k) else b"" for k in (".out", ".err")]
        want = int(exit_line.group(1)) if exit_line else 0

        def run(temp, mutant, seen, timeout):
            for d in ("/t", "/cache"):
                os.mkdir(temp + d)
                self.owned(temp + d)
            e = self.environment(temp, mutant, seen)
            e.update(ANEC_CPU="scalar", ANESIM=self.tree + "/build/libanesim.so", ANEC_CACHE_DIR=temp + "/cache",
                     PATH=self.tree + "/build:" + e["PATH"])
            with open(temp + "/out", "wb") as out, open(temp + "/err", "wb") as err:
                status, used = finished(["sh", "-c", text.replace("%t", temp + "/t")], timeout, cwd=folder, env=e,
                                        stdout=out, stderr=err)
            if status != want:
                return False, used
            for kind, right in zip(("/out", "/err"), expected):
                with open(temp + kind, "rb") as f:
                    got = f.read()
                if got.replace(temp.encode() + b"/t", b"%t").replace(temp.encode() + b"/cache", b"CACHE") != right:
                    return False, used
            return True, used
        return run

    def tests(self):
        programs = glob.glob(self.tree + "/build/ane*") + glob.glob(self.tree + "/build/lib*.so")
        programs = sorted(filter(os.path.isfile, programs))
        for u in self.units:
            yield from self.tests_of(u)
        for dirpath, _, names in sorted(os.walk(self.tree + "/tests/golden")):
            for name in sorted(names):
                path = os.path.join(dirpath, name)
                if name.endswith((".out", ".err")):
                    continue
                with open(path, "rb") as f:
                    first = f.readline()
                if name.endswith(".cmd") or re.match(rb"(//|#) *[a-z]*.*%s", first):
                    own = sorted(glob.glob(glob.escape(dirpath) + "/*.*"))
                    yield Test("golden " + os.path.relpath(path, self.tree + "/tests/golden"), self.golden(path),
                               programs + own, own)
        for name, line in self.late:
            own = [self.tree + "/" + w for w in line.split() if w.startswith(("tests/", "./"))]
            yield Test("suite " + name, self.command(["sh", "-c", line]), programs + own, own, True)

    def owned(self, path):
        """The folder, as that of the user that tests run as."""
        if os.getuid() == 0:
            shutil.chown(path, "nobody")
        return path

    def meet(self, test, mutant, timeout, seen=None):
        """Whether the test passes, in a folder of its own, and the seconds that it took."""
        temp = self.owned(tempfile.mkdtemp(dir=self.temp))
        try:
            return test.run(temp, mutant, seen, timeout)
        finally:
            subprocess.run(["chmod", "-R", "u+rwx", temp], stderr=subprocess.DEVNULL)
            shutil.rmtree(temp, ignore_errors=True)

    # ---- without a mutant ----

    def reach(self, test):
        """What the test reaches, how long it takes and whether it passes, from the run before if nothing changed.
        Else, if what is stale will do and the test is the same, what it reached is carried over to where that
        stands now; it is held to pass once it fails."""
        key, own = self.key(test.name, test.files), self.key("own " + test.name, test.own)
        if key in self.known:
            test.seconds, test.passes, seen = self.known[key]
            test.seen = self.carried(zlib.decompress(seen))
        elif self.stale and self.same.get(own) in self.known:
            test.seconds, passed, seen = self.known[self.same[own]]
            test.passes = passed and None
            test.seen = self.carried(zlib.decompress(seen))
            key = self.same[own]
        else:
            seen = tempfile.NamedTemporaryFile(dir=self.temp)
            seen.truncate(ROOM)
            os.chmod(seen.name, 0o666)
            test.passes, test.seconds = self.meet(test, 0, 600, seen.name)
            test.seen = open(seen.name, "rb").read()
        self.now[key] = test.seconds, test.passes is not False, zlib.compress(test.seen, 1)
        self.own[own] = key

    def carried(self, seen):
        """By file: what each place was is where it now is; a place that is new is reached as the one before it."""
        if self.before == self.places:
            return seen
        now = bytearray(ROOM)
        for path, (first, what) in self.places.items():
            old, was = self.before.get(path, (0, []))
            if was == what:
                now[first:first + len(what)] = seen[old:old + len(was)]
                continue
            at = {}
            for i, w in enumerate(was):
                at.setdefault(w, []).append(i)
            last = 0
            for i, w in enumerate(what):
                last = at[w].pop(0) if at.get(w) else last
                now[first + i] = seen[old + last] if was else 0
        return bytes(now)

    def key(self, name, files):
        h = hashlib.sha256(name.encode())
        for f in files:
            if f not in self.digests:
                with open(f, "rb") as of:
                    self.digests[f] = hashlib.sha256(of.read()).digest()
            h.update(self.digests[f])
        return h.digest()

    def baseline(self, places=None, stale=False):
        """`places`: of each file its first number, and what stands at each."""
        self.ready()
        kept = os.path.join(os.path.dirname(self.tree), "reached.pickle")
        self.digests, self.now, self.own, self.known, self.same = {}, {}, {}, {}, {}
        self.places = self.before = places
        self.stale = stale
        if os.path.exists(kept):
            with open(kept, "rb") as f:
                self.known, self.same, self.before = pickle.load(f)
        every = [t for t in self.tests() if not (self.without and self.without.search(t.name))]
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(self.reach, every))
            # What needs the tests before it runs with them.
            whole = dict.fromkeys(t.name.split()[1] for t in every if t.passes is False and t.name.startswith("unit "))
            more = [Test("unit " + u, self.command(["build/unit/" + u]), *self.files_of(u)) for u in whole]
            list(pool.map(self.reach, more))
            every += more
        with open(kept, "wb") as f:
            pickle.dump((self.now, self.own, self.places), f)
        failed = [t.name for t in every if t.passes is False]
        self.every = [t for t in every if t.passes is not False]
        print(f"mutate: {len(self.every)} tests take {sum(t.seconds for t in self.every):.0f} s", flush=True)
        slowest = sorted(self.every, key=lambda t: -t.seconds)[:8]
        print("mutate: the slowest: " + ", ".join(f"{t.name} {t.seconds:.1f} s" for t in slowest), flush=True)
        if failed:
            print(f"mutate: left out, as they fail without a mutant: {', '.join(failed)}", flush=True)
        if not self.every:
            sys.exit("mutate: no test passes")

    def like(self, others, slower=4):
        """The tests reach what they do in another build, and are held to pass without a mutant once one fails."""
        known = {t.name: t for t in others.every}
        self.every = [t for t in self.tests() if t.name in known]
        for t in self.every:
            of = known[t.name]
            t.seconds, t.seen, t.share, t.passes = slower * of.seconds, of.seen, of.share, None
        self.ready()

    def ready(self):
        """What runs may read the tree, and write beside the programs."""
        subprocess.run(["chmod", "-R", "a+rX", self.tree])
        if os.getuid() == 0:
            for folder in ("/build", "/build/unit"):
                shutil.chown(self.tree + folder, "nobody")

    def about(self, mutants, places):
        """Only these mutants are asked for from here on: a process with less to it begins others sooner.
        What a test reaches of all `places` of a file says how likely it sees a change there."""
        files = {m.path: (min(places[m.path]), max(places[m.path]) + 1) for m in mutants}
        for t in self.every:
            reached = lambda a, b: (b - a - t.seen[a:b].count(0)) / (b - a)
            t.share = {path: reached(*ends) for path, ends in files.items()}
            t.seen = frozenset(m.number for m in mutants if t.reaches(m.number))
        self.known = self.now = self.own = {}

    def fails(self, test, mutant):
        """Whether it fails, and the seconds that it took."""
        passes, used = self.meet(test, mutant, 10 + 10 * test.seconds)
        if not passes and test.passes is None:
            test.passes, _ = self.meet(test, 0, 10 + 10 * test.seconds)
        return not passes and test.passes, used

    def reached(self):
        """The numbers that any test reaches."""
        together = 0
        for t in self.every:
            together |= int.from_bytes(t.seen, "little")
        return {n for n, byte in enumerate(together.to_bytes(ROOM, "little")) if byte}

    # ---- with one ----

    def reaching(self, m):
        return [t for t in self.every if t.reaches(m.number)]

    def killer(self, m, budget, late=False):
        """The test that fails; None: it survives all that reach it, or as many as the budget of seconds has
        time for, the likeliest first, where one that is over ten times its own fails. One that takes longer
        than the whole budget is passed over; what is late has no budget."""
        cost = lambda t: (0.02 + t.seconds) / (t.share.get(m.path, 1) ** 2 + 1e-3) / (1 + 20 * t.kills.get(m.path, 0))
        spent, m.left = 0, False
        for t in sorted((t for t in self.reaching(m) if t.late == late), key=cost):
            if not late and (spent > budget or t.seconds > budget):
                m.left = True
                continue
            failed, used = self.fails(t, m.number)
            spent += used
            if failed:
                t.kills[m.path] = t.kills.get(m.path, 0) + 1
                return t.name
        return None
