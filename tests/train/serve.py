#!/usr/bin/env python3
"""serve.py -- the page that follows a run: what a plain client gets, what hostile ones do not, and what a browser shows.

usage: serve.py TOP BROWSER|-      anetrain is found by PATH; works in the current folder. Ends with `serve: N passed, N failed`"""
import base64
import fcntl
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from counted import Checks
from picture import colours

check = Checks("serve")


class Run:
    """A run with a page, of so many steps that it does not end by itself."""

    def __init__(self, *args):
        self.process = subprocess.Popen(["anetrain", *args, "--serve"], stderr=subprocess.PIPE, text=True)
        self.said = []
        self.port = None
        for line in self.process.stderr:
            self.said.append(line)
            m = re.search(r"http://127\.0\.0\.1:(\d+)/ follows the run", line)
            if m:
                self.port = int(m.group(1))
                break
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()

    def get(self, path, method="GET", host=None, headers=()):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.putrequest(method, path, skip_host=True)
        c.putheader("Host", host or f"127.0.0.1:{self.port}")
        for name, value in headers:
            c.putheader(name, value)
        c.endheaders()
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, dict(r.getheaders()), body

    def raw(self, data, wait=10.0):
        """What comes back for bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as s:
            try:
                s.sendall(data)
                out = b""
                while True:
                    some = s.recv(65536)
                    if not some:
                        return out
                    out += some
            except ConnectionError:
                return out

    def events(self, want, seconds=20):
        """Events of the stream until one of this name, as (name, data)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as s:
            s.sendall(f"GET /events HTTP/1.1\r\nHost: localhost:{self.port}\r\n\r\n".encode())
            text, out = b"", []
            while not out or out[-1][0] != want:
                some = s.recv(65536)
                if not some:
                    break
                text += some
                *whole, text = text.split(b"\n\n")
                for part in whole:
                    m = re.match(rb"event: (\w+)\n(?:data: ?(.*))?", part)
                    if m:
                        out.append((m.group(1).decode(), m.group(2).decode()))
            return out

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


def plain(run, folder):
    status, head, body = run.get("/")
    text = body.decode()
    check("page", status == 200 and head["Content-Type"].startswith("text/html") and "<svg" in text, head)
    check("page is itself alone", not re.search(r"(src|href)\s*=", text) and
          set(re.findall(r"https?://[^\s\"')]+", text)) <= {"http://www.w3.org/2000/svg"})
    check("page's policy", "default-src 'none'" in head["Content-Security-Policy"])
    check("length", int(head["Content-Length"]) == len(body))
    status, head, body = run.get("/", "HEAD")
    check("HEAD", status == 200 and not body and int(head["Content-Length"]) == len(text.encode()))
    status, _, body = run.get("/run.json")
    about = json.loads(body)
    check("about", about["name"] == "net.anedsl" and about["rows"]["optimizer"] == "adamw", about)
    steps = run.events("step")
    check("steps are told", steps and re.match(r"\d+,,[\d.e+-]+,", steps[-1][1]), steps)
    status, head, body = run.get("/log.csv", host=f"localhost:{run.port}")
    lines = body.decode().splitlines()
    check("log", status == 200 and lines[0].startswith("step,tokens,loss") and len(lines) > 1, lines[:3])
    check("log is the file's", (folder / "log.csv").read_text().startswith(body.decode()[:2000]))
    check("no samples yet", run.get("/samples.txt")[::2] == (200, b""))
    check("a query is passed over", run.get("/?x=1")[0] == 200)


def hostile(run):
    own = f"Host: 127.0.0.1:{run.port}\r\n"
    for path in ("/../log.csv", "/etc/passwd", "//log.csv", "/log.csv/", "/%6cog.csv", "/lock", "/step-00000001.safetensors",
                 "http://127.0.0.1/log.csv", "/log.csv%00", "/." * 300, "*"):
        check("path " + path[:30], run.get(path)[0] == 404)
    for host in ("evil.example", f"evil.example:{run.port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1:{run.port}.evil.example",
                 f"[::1]:{run.port}", ""):
        check("host " + host, run.get("/log.csv", host=host or " ")[0] == 403)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"):
        status, head, _ = run.get("/", method)
        check("method " + method, status == 405 and head["Allow"] == "GET, HEAD")
    for name, data, want in (
            ("no host", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 "),
            ("old", b"GET /\r\n\r\n", b"HTTP/1.1 400 "),
            ("other version", b"GET / HTTP/2.0\r\n" + own.encode() + b"\r\n", b"HTTP/1.1 400 "),
            ("no line", b"\r\n\r\n", b"HTTP/1.1 400 "),
            ("NUL", b"GET / HTTP/1.1\r\n\0" + own.encode() + b"\r\n", b"HTTP/1.1 400 "),
            ("noise", bytes(range(256)) * 40, b"HTTP/1.1 400 "),
            ("too long", b"GET / HTTP/1.1\r\n" + own.encode() + b"X: " + b"a" * 20000, b"HTTP/1.1 431 "),
            ("long path", b"GET /" + b"a" * 20000, b"HTTP/1.1 431 "),
            ("spaces", b" " * 9000, b"HTTP/1.1 431 "),
            ("two requests", (b"GET /log.csv HTTP/1.1\r\n" + own.encode() + b"\r\n") * 3, b"HTTP/1.1 200 ")):
        got = run.raw(data)
        check(name, got.startswith(want) or (not got and name in ("too long", "long path", "noise")), got[:80])
        check(name + ": one answer", got.count(b"HTTP/1.1 ") <= 1)
    # who says nothing is let go, and many of them keep nobody out for long
    idle = [socket.create_connection(("127.0.0.1", run.port), timeout=10) for _ in range(60)]
    began = time.monotonic()
    for s in idle[:3]:
        s.settimeout(10)
        try:
            s.recv(1)
        except ConnectionError:
            pass
    check("idle ones are let go", time.monotonic() - began < 9)
    for s in idle:
        s.close()
    check("and others are served", run.get("/run.json")[0] == 200)
    # a client that goes away in the middle, and one that reads nothing
    with socket.create_connection(("127.0.0.1", run.port)) as s:
        s.sendall(b"GET /log.csv HTTP/1.1\r\n" + own.encode() + b"\r\n")
    with socket.create_connection(("127.0.0.1", run.port)) as s:
        s.sendall(b"GET /events HTTP/1.1\r\n" + own.encode() + b"\r\n")
        time.sleep(.3)
        check("while one reads nothing", run.get("/run.json")[0] == 200)
    with socket.create_connection(("127.0.0.1", run.port)) as s:
        s.sendall(b"GET /run.json HTTP/1.1\r\n")
        time.sleep(.2)
        s.sendall(own.encode() + b"\r")
        time.sleep(.2)
        s.sendall(b"\n\r\n")
        s.shutdown(socket.SHUT_WR)
        check("a request in parts, by one who says no more", s.recv(65536).startswith(b"HTTP/1.1 200 "))


def only_here(run):
    """Of this machine's other addresses none is listened at."""
    here = pathlib.Path("/proc/net/tcp")
    if not here.exists():
        return
    at = [line.split()[1] for line in here.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    own = [a for a in at if int(a.split(":")[1], 16) == run.port]
    check("127.0.0.1 alone", own == [a for a in own if a.startswith("0100007F:")] and len(own) == 1, own)
    other = pathlib.Path("/proc/net/tcp6")
    check("nothing at IPv6", not other.exists() or f":{run.port:04X} " not in other.read_text())


class Browser:
    """A headless chromium, told what to do by its debugging pipe: JSON between NULs, at its descriptors 3 and 4."""

    def __init__(self, program, home):
        to_read, self.to = os.pipe()
        self.got, from_write = os.pipe()
        # high numbers first: 3 and 4 may be any of the four
        ends = [os.dup(fd) for fd in (to_read, from_write)]
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in ends]

        def place():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen([program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                         f"--user-data-dir={home}", "--remote-debugging-pipe", "about:blank"],
                                        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=place, close_fds=False)
        for fd in (to_read, from_write, *ends, *high):
            os.close(fd)
        self.text, self.id = b"", 0

    def call(self, method, session=None, **params):
        self.id += 1
        message = {"id": self.id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.text:
                if not select.select([self.got], [], [], 60)[0]:
                    raise TimeoutError(method)
                some = os.read(self.got, 1 << 16)
                if not some:
                    raise EOFError(method)
                self.text += some
            one, self.text = self.text.split(b"\0", 1)
            answer = json.loads(one)
            if answer.get("id") == self.id:
                return answer.get("result", answer)

    def page(self, address, until, seconds=20):
        """The page as it is when the expression holds, or after so many seconds."""
        target = self.call("Target.createTarget", url=address)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        end = time.monotonic() + seconds
        value = lambda text: self.call("Runtime.evaluate", session, expression=text).get("result", {}).get("value")
        while not value(until) and time.monotonic() < end:
            time.sleep(.2)
        self.value, self.session = value, session
        return value("document.documentElement.outerHTML") or ""

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.got)


def picture_of(chromium):
    """The page as it is seen, in page.png; its colours."""
    shot = chromium.call("Page.captureScreenshot", chromium.session, format="png")
    data = base64.b64decode(shot["data"])
    pathlib.Path("page.png").write_bytes(data)
    return colours(data)


def browser(run, program):
    """What a browser makes of the page: the curve, the times, the steps."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        chromium = Browser(program, home)
        page = chromium.page(f"http://127.0.0.1:{run.port}/", "document.querySelectorAll('polyline').length == 2")
        steps = [chromium.value("document.getElementById('last').textContent")]
        while len(steps) < 20 and steps[-1] == steps[0]:
            time.sleep(.5)
            steps.append(chromium.value("document.getElementById('last').textContent"))
        check("browser: it goes on", steps[-1] != steps[0], steps[:1])
        seen, text = picture_of(chromium), chromium.value("document.body.innerText")
        check("browser: a picture with a curve in it", len(seen) > 20, seen)
        check("browser: the text that is seen", all(w in text for w in ("net.anedsl", "optimizer", "adamw", "ms a step")), text)
        check("browser: no errors", chromium.value("document.getElementById('log').textContent.split('\\n').length") == 20)
        chromium.close()
    line = re.search(r'<polyline class="train" points="([^"]*)"', page)
    check("browser: curve", line and len(line.group(1).split()) > 1, page[-300:])
    check("browser: evaluations", 'class="eval"' in page)
    check("browser: state", '<b id="state">at work:</b>' in page and re.search(r"step \d+, loss [\d.e-]+", page))
    check("browser: times", re.search(r"[\d.]+ ms a step, of the last \d+: data [\d.]+, gradients [\d.]+", page))
    check("browser: settings", "<th>optimizer</th><td>adamw</td>" in page)
    check("browser: name", "<title>net.anedsl</title>" in page and '<h1 id="name">net.anedsl</h1>' in page)


def main():
    top = pathlib.Path(sys.argv[1])
    case = top / "tests/golden/train"
    data = f"{case}/x.npy,{case}/t.npy"
    run = Run(str(case / "net.anedsl"), "--data", data, "--eval", f"{case}/x5.npy,{case}/t5.npy", "--eval-every", "50", "--batch", "3", "-b",
              "ref", "--steps", "100000000", "--save-every", "100000000", "--log-every", "100000000", "-o", "served")
    check("it listens", run.port, run.said)
    plain(run, pathlib.Path("served"))
    only_here(run)
    if sys.argv[2] != "-":
        browser(run, sys.argv[2])
    hostile(run)
    taken = subprocess.run(["anetrain", str(case / "net.anedsl"), "--data", data, f"--serve={run.port}", "-o", "served-too"],
                           stderr=subprocess.PIPE, text=True)
    check("a port that is taken", taken.returncode == 3 and
          f"error: --serve: cannot listen at 127.0.0.1:{run.port}: Address already in use" in taken.stderr, taken.stderr)
    last = []
    thread = threading.Thread(target=lambda: last.extend(run.events("end")))
    thread.start()
    time.sleep(.5)
    check("SIGINT", run.stop() == 130)
    thread.join(20)
    check("the end is told", last and last[-1] == ("end", "stopped:"), last[-1:])
    text = pathlib.Path("text.txt")
    text.write_text("abcabcabcabcabcabcabcabcabcabcabcabc" * 8)
    llama = Run(str(top / "examples/text/char_llama.anedsl"), "--data", str(text), "--vocab", "chars", "--set", "vocabulary=3",
                "--set", "dim=16", "--set", "hidden=16", "--set", "positions=16", "--set", "blocks=1", "-b", "cpu", "--steps",
                "1000000", "--sample-every", "20", "--save-every", "1000000", "--lr", "1e-2", "-o", "sampled")
    got = llama.events("sample")
    check("samples are told", got and re.match(r"step \d+: abcabcabcabc[abc]", got[-1][1]), got[-1:])
    check("samples", re.match(rb"step 20: abcabcabcabc", llama.get("/samples.txt")[2]))
    check("SIGTERM", (llama.process.send_signal(signal.SIGTERM), llama.process.wait(20))[1] == 143)
    check.end()


main()
