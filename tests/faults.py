#!/usr/bin/env python3
"""faults.py -- every write, fsync, rename, link, open and mkdir of every writer fails once, each in a
process of its own; and at each of them the process is killed once.

usage: faults.py BUILD          built, with BUILD/inject.so
Afterwards what was written is the old model or the new one, whole: it runs, with the numbers of one
of the two; no temporary file is left, or after a kill at most one, which the next write sweeps. Skips
where nothing can be preloaded."""
import os, shutil, signal, subprocess, sys, tempfile, time

from counted import build_given

build = os.path.abspath(build_given(__doc__))
inject = os.path.join(build, "inject.so")
anec, anerun, aneprobe, anetrain = (os.path.join(build, t) for t in ("anec", "anerun", "aneprobe", "anetrain"))
passed = failed = 0

MODEL = """model main(x: fp16[1, 4, 64]) -> y {
    weight w: [64, 64] = normal(std = 0.1, seed = %d)
    y = linear(x, w)
}
"""
TRAINED = """import "std"
model main(x: fp32[2, 3]) -> loss {
    weight w: [3, 3] = 1.5
    loss = mean(linear(x, w) * linear(x, w))
}
"""
SMALL = """program(1.0)
{
    func other<ios16>(tensor<fp16, [2]> x) { tensor<fp16, [2]> y = relu(x = x); } -> (y);
    func main<ios16>(tensor<fp16, [2]> x) { tensor<fp16, [2]> y = abs(x = x); } -> (y);
}
"""


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("faults: " + what)
    return good


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def run(command, folder, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("INJECT")}
    env["ANEC_CACHE_DIR"] = os.path.join(folder, "cache")
    env["TMPDIR"] = os.path.join(folder, "tmp")
    env.update(more)
    if any(k.startswith("INJECT") for k in more):
        env["LD_PRELOAD"] = inject
        env["ASAN_OPTIONS"] = "verify_asan_link_order=0"
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def temporaries(folder):
    found = []
    for top, dirs, files in os.walk(folder):
        if top == os.path.join(folder, "tmp"):
            continue
        found += [os.path.join(top, n) for n in dirs + files if n.startswith(".tmp-")]
    return [f for f in found if not any(f.startswith(o + "/") for o in found)]


def files(folder):
    return sorted(os.path.relpath(os.path.join(t, n), folder) for t, _, names in os.walk(folder)
                  for n in names if not t.startswith((os.path.join(folder, "cache"), os.path.join(folder, "tmp"))))


class Writer:
    """`before` makes what is there, `command` replaces it, `answer` tells which of the two is there."""

    def __init__(self, name, before, command, answer, sources, same=False, old=False):
        self.name, self.before, self.command, self.answer = name, before, command, answer
        self.sources, self.same = sources, same
        self.more = {"INJECT_OLD": "1"} if old else {}

    def start(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "tmp"))
        for name, text in self.sources.items():
            put(os.path.join(folder, name), text)
        if self.before:
            r = run(self.before, folder)
            assert r.returncode == 0, r.stderr

    def said(self, folder):
        r = run(self.answer, folder)
        return r.stdout if r.returncode == 0 else "exit %d: %s" % (r.returncode, r.stderr)

    def test(self, top):
        first, work = os.path.join(top, "first"), os.path.join(top, "work")
        shutil.rmtree(work, ignore_errors=True)
        self.start(first)
        old = self.said(first) if self.before else None
        log = os.path.join(top, "count")
        shutil.copytree(first, work)
        r = run(self.command, work, INJECT="0", INJECT_LOG=log, **self.more)
        if not check(r.returncode == 0, "%s fails by itself: %s" % (self.name, r.stderr)):
            return
        calls, new, whole = int(open(log).read()), self.said(work), files(work)
        check(old != new, "%s: old and new are the same" % self.name)
        for n in range(1, calls + 1):
            for how in ("INJECT", "INJECT_KILL"):
                shutil.rmtree(work)
                shutil.copytree(first, work)
                self.one(work, n, how, old, new, whole)
        print("faults: %s: %d calls" % (self.name, calls))

    def one(self, work, n, how, old, new, whole):
        what = "%s, %s at call %d" % (self.name, "error" if how == "INJECT" else "kill", n)
        before = files(work)
        r = run(self.command, work, **{how: str(n)}, **self.more)
        killed = how == "INJECT_KILL"
        if killed:
            check(r.returncode == -signal.SIGKILL, what + ": was not killed")
        else:
            quiet = r.returncode == 0 and (self.same or self.said(work) == new)
            check(quiet or (r.returncode == 3 and "error: " in r.stderr),
                  "%s: exit %d, %s" % (what, r.returncode, r.stderr))
        left = temporaries(work)
        most = 0 if not killed else 3 if self.more else 1 # without files that have no name
        check(len(left) <= most, "%s: left %s" % (what, left))
        aside = any(os.path.basename(f).startswith(".tmp-old-") for f in left)
        now = self.said(work) if not aside else new # which the next write puts back, or replaces
        is_old = now == old or (old is None and now.startswith("exit"))
        check(now == new or is_old, "%s: neither old nor new: %s" % (what, now))
        if not killed and not self.same:
            check(set(files(work)) <= set(before) | set(whole), "%s: files are left: %s" % (what, files(work)))
        if not killed or not left:
            return
        day = time.time() - 2 * 24 * 60 * 60
        for f in filter(os.path.exists, left): # reading a run sweeps its folder
            os.utime(f, (day, day))
        r = run(self.command, work)
        check(r.returncode == 0, "%s: the next write fails: %s" % (what, r.stderr))
        check(not temporaries(work) and self.said(work) == new, what + ": the next write does not sweep")
        extra = set(files(work)) - set(whole) - set(before)
        check(self.same or not extra, "%s: swept, but %s stay" % (what, extra))


def signals(folder):
    """SIGINT, SIGTERM and SIGHUP at any time: the old model or the new one, and nothing else."""
    big = MODEL.replace("64", "1024")
    one = Writer("signals", [anec, "a.anedsl", "--target", "m1", "-o", "o.mil"], None,
                 [anerun, "-b", "ref", "--random", "1", "o.mil"],
                 {"a.anedsl": big % 1, "b.anedsl": big % 2})
    commands = ([anec, "b.anedsl", "--target", "m1", "-o", "o.mil"],
                [anec, "b.anedsl", "--target", "m1", "-o", "o.mlpackage"],
                [anerun, "-b", "ref", "--random", "1", "--iterations", "1000", "--trace", "t.json", "b.anedsl"])
    one.start(folder)
    old = one.said(folder)
    check(run(commands[0], folder).returncode == 0, "signals: the new model cannot be written")
    new = one.said(folder)
    one.start(folder)
    ended = 0
    for i, command in enumerate(commands * 6):
        sig = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i // 3 % 3]
        env = dict(os.environ, LD_PRELOAD=inject, ASAN_OPTIONS="verify_asan_link_order=0", INJECT_OLD="1")
        p = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 * (1 + i // 9) + 0.01 * (i % 3))
        p.send_signal(sig)
        code = p.wait()
        ended += code == -sig
        check(code in (0, -sig), "%s: exit %d" % (command, code))
        check(not temporaries(folder), "%s: left %s" % (command, temporaries(folder)))
        if code == 0 and command[-1] == "o.mil":
            check(one.said(folder) == new, "done, but not new")
            one.start(folder)
        elif command[-1] == "o.mil":
            # A signal that comes while the model changes waits until it has.
            check(one.said(folder) in (old, new), "ended, but neither the old nor the new model")
            one.start(folder)
    check(ended > 0, "no signal came in time")
    print("faults: signals: %d of %d ended the process" % (ended, 3 * 6))


def engines(folder):
    """What the engine's and Core ML's routes keep in TMPDIR goes with a signal, and after a day with the next
    run what a killed one left."""
    temp = os.path.join(folder, "tmp")
    slow = dict(ANEC_CACHE_DIR=os.path.join(folder, "cache"), TMPDIR=temp)
    ended = 0
    for backend, fault in (("ane", "slow:3000"), ("coreml", "slow:3000")):
        command = [anerun, "-b", backend, "--random", "1", "-O", "out", "b.anedsl"]
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(temp)
            put(os.path.join(folder, "b.anedsl"), MODEL % 2)
            p = subprocess.Popen(command, cwd=folder, env=dict(os.environ, ANESIM_FAULT=fault, **slow),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            late = time.time() + 20
            while not os.listdir(temp) and time.time() < late:
                time.sleep(0.01)
            time.sleep(0.1)
            check(os.listdir(temp), "%s: nothing is in TMPDIR while it compiles" % backend)
            p.send_signal(sig)
            ended += p.wait() == -sig
            left = os.listdir(temp)
            if sig != signal.SIGKILL:
                check(not left, "%s: signal %d leaves %s" % (backend, sig, left))
                continue
            check([n for n in left if n.startswith(".tmp-")], "%s: killed, and nothing is left" % backend)
            day = time.time() - 2 * 24 * 60 * 60
            for n in left:
                os.utime(os.path.join(temp, n), (day, day))
            r = run(command, folder)
            check(r.returncode == 0, "%s: the run after a kill fails: %s" % (backend, r.stderr))
            left = [n for n in os.listdir(temp) if n.startswith(".tmp-")]
            check(not left, "%s: the next run does not sweep %s" % (backend, left))
    check(ended == 8, "engines: %d of 8 signals came in time" % ended)
    print("faults: engines: %d signals" % ended)


def main():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_DFL)  # who runs this may have them ignored, which is inherited
    if not os.path.exists(inject) or subprocess.run(["true"], env={"LD_PRELOAD": inject}).returncode:
        print("faults: skipped, nothing can be preloaded")
        print("faults: 0 passed, 0 failed")
        return 0
    two = {"a.anedsl": MODEL % 1, "b.anedsl": MODEL % 2, "small.mil": SMALL}

    def model(path, **more):
        return Writer(path, [anec, "a.anedsl", "--target", "m1", "-o", path],
                      [anec, "b.anedsl", "--target", "m1", "-o", path],
                      [anerun, "-b", "ref", "--random", "1", path], two, **more)

    fresh = Writer("new .mil", None, [anec, "b.anedsl", "--target", "m1", "-o", "o/n.mil"],
                   [anerun, "-b", "ref", "--random", "1", "o/n.mil"], two)
    # Beside the text stands which of its functions runs: with another text's it gives other numbers.
    both = {"a.anedsl": MODEL % 1, "small.mil": SMALL,
            "small.mil.json": '{"format": "anec beside 1", "default": "other"}'}
    beside, backwards = ("small.mil", "-o"), ("a.anedsl", "--target", "m1", "-o")

    def described(path, first, then, **more):
        return Writer("%s, from %s" % (path, first[0]), [anec, *first, path], [anec, *then, path],
                      [anerun, "-b", "ref", "--random", "1", path], both, **more)

    # No model is there, but what stood beside another one, which would make the new one run `other`.
    stale = Writer("a description alone", None, [anec, "small.mil", "-o", "o.mil"],
                   [anerun, "-b", "ref", "--random", "1", "o.mil"],
                   {"small.mil": SMALL, "o.mil.json": both["small.mil.json"]})
    results = Writer("results", [anerun, "-b", "ref", "--random", "1", "-O", "out", "a.anedsl"],
                     [anerun, "-b", "ref", "--random", "2", "-O", "out", "a.anedsl"],
                     ["cksum", "out/y.npy"], two)
    weights = Writer("weights", [anec, "--export-weights", "w", "a.anedsl"],
                     [anec, "--export-weights", "w", "b.anedsl"], ["sh", "-c", "cksum w/*.npy"], two)
    trace = Writer("trace", None, [anerun, "-b", "ref", "--random", "1", "--trace", "t.json", "a.anedsl"],
                   ["sh", "-c", "tail -c 3 t.json"], two)
    profile = Writer("profile", None, [aneprobe, "--backend", "sim:m1", "--only", "io-fp32", "-o", "p.profile"],
                     ["sh", "-c", "grep -c . p.profile"], two)
    entry = Writer("cache", None, [anerun, "-b", "ane", "--random", "1", "b.anedsl"],
                   [anerun, "-b", "ane", "--random", "1", "b.anedsl"], two, same=True)
    steps = Writer("checkpoint", [anetrain, "-q", "t.anedsl", "--data", "built-in:tiny", "-b", "ref", "--steps", "2", "-o", "run"],
                   [anetrain, "-q", "--resume", "run", "--steps", "3"],
                   ["sh", "-c", '"$0" --resume run --steps 1 2>&1 | tail -n 1', anetrain], {"t.anedsl": TRAINED})
    os.environ.pop("ANESIM_STRUCK", None)  # calls that fail here are counted
    os.environ["ANEC_ANE_LIB"] = os.path.join(build, "libanesim.so")
    os.environ["ANESIM_CHIP"] = "m1"
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as top:
        for w in (model("o.mil"), model("o.mlmodelc"), model("o.mlpackage"),
                  model("o.mil", old=True), model("o.mlpackage", old=True),
                  described("o.mil", beside, backwards), described("o.mil", backwards, beside),
                  fresh, stale, results, weights, steps, trace, profile, entry):
            w.test(top)
        signals(os.path.join(top, "signals"))
        engines(os.path.join(top, "engines"))
    print("faults: %d passed, %d failed" % (passed, failed))
    return failed > 0


sys.exit(main())
