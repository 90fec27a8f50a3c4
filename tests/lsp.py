#!/usr/bin/env python3
"""lsp.py -- a client that speaks with `anec --lsp` as an editor does. Ends with `lsp: N passed, N failed`.

usage: lsp.py BUILD"""
import json
import os
import select
import subprocess
import sys
import tempfile
import time

from counted import Checks, build_given

build = os.path.abspath(build_given(__doc__))
check = Checks("lsp")


class Client:
    def __init__(self, *options):
        self.p = subprocess.Popen([build + "/anec", "--lsp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, bufsize=0)
        self.buffer, self.id, self.told = b"", 0, {}

    def raw(self, data):
        self.p.stdin.write(data)

    def send(self, message):
        body = json.dumps(message).encode()
        self.raw(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def notify(self, method, **params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def next(self, seconds=30):
        """The next message of the server; None: it has ended, or says nothing."""
        end = time.monotonic() + seconds
        while True:
            head, sep, rest = self.buffer.partition(b"\r\n\r\n")
            if sep:
                size = int(head.split(b":")[1])
                if len(rest) >= size:
                    self.buffer = rest[size:]
                    return json.loads(rest[:size])
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                return None
            more = os.read(self.p.stdout.fileno(), 1 << 16)
            if not more:
                return None
            self.buffer += more

    def request(self, method, **params):
        self.id += 1
        self.send({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        while True:
            m = self.next()
            if m is None or m.get("id") == self.id:
                return m
            self.take(m)

    def take(self, m):
        if m.get("method") == "textDocument/publishDiagnostics":
            self.told[m["params"]["uri"]] = m["params"]["diagnostics"]

    def diagnostics(self, uri):
        """What was told of a text last, after it was changed."""
        self.told.pop(uri, None)
        while uri not in self.told:
            m = self.next()
            if m is None:
                return None
            self.take(m)
        return self.told[uri]

    def open(self, uri, text):
        self.notify("textDocument/didOpen", textDocument={"uri": uri, "languageId": "anedsl", "version": 1, "text": text})
        return self.diagnostics(uri)

    def change(self, uri, text):
        self.notify("textDocument/didChange", textDocument={"uri": uri, "version": 2}, contentChanges=[{"text": text}])
        return self.diagnostics(uri)

    def ask(self, what, uri, line, character):
        m = self.request("textDocument/" + what, textDocument={"uri": uri}, position={"line": line, "character": character})
        return m and m.get("result")

    def hover(self, uri, line, character):
        r = self.ask("hover", uri, line, character)
        return r["contents"]["value"] if r else ""

    def end(self):
        """Its exit code."""
        self.request("shutdown")
        self.notify("exit")
        return self.p.wait(30)


TEXT = """import "std"
import "lib.anedsl" as lib
import "other.anedsl"

param dim = 64; weights init normal(std = 0.1)

# One block
# of two layers.
layer Block(width) {
    layer up: Linear(dim, width), down: Linear(width, dim)
    fn (x) = x + down(relu(up(x)))
}

model main(x: fp16[1, dim, 1, 8]) -> y {
    layer block: Block(128)
    h = block(x)
    z = rms_norm(h)
    y = lib.twice(z) + half(z)
}
"""


def column(text, line, word):
    return text.split("\n")[line].index(word)


def session(folder):
    uri = "file://" + folder + "/a%20model.anedsl"
    with open(folder + "/lib.anedsl", "w") as f:
        f.write("# Two of it.\nfn twice(x) = x + x\n")
    with open(folder + "/other.anedsl", "w") as f:
        f.write("fn half(x) = x * 0.5\n")
    c = Client("--target", "m1")
    m = c.request("textDocument/hover", textDocument={"uri": uri}, position={"line": 0, "character": 0})
    check("a request before initialize", m["error"]["code"] == -32002, m)
    can = c.request("initialize", processId=None, rootUri=None, capabilities={})["result"]["capabilities"]
    check("capabilities", can["positionEncoding"] == "utf-16" and can["hoverProvider"] is True, can)
    c.notify("initialized")

    told = c.open(uri, TEXT)
    errors = [d for d in told if d["severity"] == 1]
    check("a right program has no errors", told is not None and not errors, told)
    at = lambda line, word: (uri, line, column(TEXT, line, word))
    h = c.hover(*at(15, "block(x)"))
    check("hover of a layer in use", "layer block: Block(128)" in h, h)
    h = c.hover(*at(14, "Block"))
    check("hover of a layer: head and comment", "layer Block(width)" in h and "One block\nof two layers." in h, h)
    h = c.hover(*at(16, "h)"))
    check("hover of a variable: its shape", "fp16[1, 64, 1, 8]" in h, h)
    h = c.hover(*at(16, "rms_norm"))
    check("hover of the library", "fn rms_norm(x, gain = none" in h and "std" in h, h)
    h = c.hover(*at(17, "twice"))
    check("hover of another file", "fn twice(x)" in h and "Two of it." in h, h)
    h = c.hover(*at(10, "relu"))
    check("hover of an operation", "relu" in h and "(x)" in h, h)
    check("hover of nothing", c.ask("hover", uri, 3, 0) is None)

    r = c.ask("definition", *at(17, "z)"))
    check("definition of a variable", r and r["uri"] == uri and r["range"]["start"] == {"line": 16, "character": 4}, r)
    r = c.ask("definition", *at(14, "Block"))
    check("definition of a layer", r and r["range"]["start"] == {"line": 8, "character": 6}, r)
    r = c.ask("definition", *at(17, "twice"))
    check("definition in a file", r and r["uri"].endswith("/lib.anedsl") and r["range"]["start"]["line"] == 1, r)
    r = c.ask("definition", *at(17, "half"))
    check("definition in a file without as", r and r["uri"].endswith("/other.anedsl"), r)
    r = c.ask("definition", *at(10, "x))"))
    check("definition of an argument", r and r["range"]["start"] == {"line": 10, "character": 8}, r)
    check("definition in the library", c.ask("definition", *at(16, "rms_norm")) is None)

    names = lambda r: {i["label"] for i in r}
    r = names(c.ask("completion", uri, 16, 8))
    check("completion: names, library, words, ops", {"h", "dim", "Block", "rms_norm", "layer", "relu", "len"} <= r, r)
    check("completion: nothing of another function", "up" not in r and "_linear" not in r, r)
    broken = TEXT.replace("    z = rms_norm(h)\n", "    z = lib.\n")
    told = c.change(uri, broken)
    check("an error is told", told and told[0]["severity"] == 1 and told[0]["source"] == "anec", told)
    check("completion of a file", names(c.ask("completion", uri, 16, 12)) == {"twice"}, r)
    r = names(c.ask("completion", uri, 16, 4))
    check("completion while nothing is a program", {"h", "rms_norm", "dim"} <= r, r)
    c.change(uri, TEXT.replace("rms_norm(h)", "mil."))
    r = names(c.ask("completion", uri, 16, 12))
    check("completion of ops alone", "matmul" in r and "layer" not in r, r)

    told = c.change(uri, TEXT.replace("block(x)\n    z", "block(xx)\n    z"))
    wrong = [d for d in told if d["severity"] == 1]
    check("an unknown name is told, at its place", len(wrong) == 1 and "xx is not" in wrong[0]["message"]
          and wrong[0]["range"] == {"start": {"line": 15, "character": 14}, "end": {"line": 15, "character": 16}}, told)
    told = c.change(uri, TEXT.replace("8]) -> y", "8], ids: int32[4]) -> y").replace("half(z)", "half(z) + ids[0]"))
    check("a rule of the target is told", any("m1" in d["message"] or "int32" in d["message"] for d in told), told)

    told = c.change(uri, 'a = "\U0001F600\u00e4"; b = nothing\n')
    start = told and told[0]["range"]["start"]
    check("columns are UTF-16 units", start == {"line": 0, "character": 15}, told)

    messy = "model  main(x:fp16[1,8])->y=x\n"
    c.change(uri, messy)
    edit = c.request("textDocument/formatting", textDocument={"uri": uri}, options={"tabSize": 4})["result"]
    check("layout", edit[0]["newText"] == "model main(x: fp16[1, 8]) -> y = x\n"
          and edit[0]["range"]["end"] == {"line": 1, "character": 0}, edit)
    c.change(uri, edit[0]["newText"])
    r = c.request("textDocument/formatting", textDocument={"uri": uri})["result"]
    check("layout of what is laid out", r == [], r)
    c.change(uri, "model main(")
    check("layout of no program", c.request("textDocument/formatting", textDocument={"uri": uri})["result"] is None)
    c.change(uri, TEXT)
    r = c.request("textDocument/documentSymbol", textDocument={"uri": uri})["result"]
    check("symbols", [s["name"] for s in r] == ["std", "lib", "other.anedsl", "dim", "Block", "main"], r)

    # what no client should send
    check("an unknown method", c.request("textDocument/none")["error"]["code"] == -32601)
    m = c.request("textDocument/hover", textDocument={"uri": "file:///not-open"}, position={"line": 0, "character": 0})
    check("a text that is not open", m["error"]["code"] == -32602, m)
    for params in ({}, {"textDocument": 1}, {"textDocument": {"uri": uri}},
                   {"textDocument": {"uri": uri}, "position": {"line": -5, "character": "x"}},
                   {"textDocument": {"uri": uri}, "position": {"line": 1e300, "character": 1e300}}):
        m = c.request("textDocument/completion", **params)
        check(f"params {params}", m is not None and ("result" in m or "error" in m), m)
    c.raw(b"Content-Length: 5\r\n\r\n{]]]}")
    check("no JSON", c.next()["error"]["code"] == -32700)
    c.raw(b"Content-Length: 2\r\n\r\n[]")
    check("no message", c.next()["error"]["code"] == -32600)
    c.notify("textDocument/didChange", textDocument={"uri": "file:///not-open"}, contentChanges=[{"text": "x"}])
    c.notify("textDocument/didClose", textDocument={"uri": uri})
    check("a text that is closed has nothing wrong", c.diagnostics(uri) == [])
    check("ends as told", c.end() == 0)


def other_sessions(folder):
    uri = "untitled:Untitled-1"
    c = Client()
    can = c.request("initialize", capabilities={"general": {"positionEncodings": ["utf-16", "utf-8"]}})
    check("columns in bytes", can["result"]["capabilities"]["positionEncoding"] == "utf-8", can)
    told = c.open(uri, 'a = "\u00e4"; b = nothing\n')
    check("columns are bytes", told[0]["range"]["start"]["character"] == 14, told)
    c.send({"jsonrpc": "2.0", "method": "exit"})
    check("exit without shutdown", c.p.wait(30) == 1)

    for data in (b"GET / HTTP/1.1\r\n\r\n", b"x" * 100000, b"Content-Length: 99999999999\r\n\r\n{}",
                 b"Content-Length: -1\r\n\r\n{}", b"Content-Length: 100\r\n\r\n{}"):
        c = Client()
        try:
            c.raw(data)
            c.p.stdin.close()
        except BrokenPipeError:
            pass
        said = c.p.stderr.read().decode()
        check(f"{data[:30]}", c.p.wait(30) == 1 and "is for editors" in said, said)
    c = Client()
    c.p.stdin.close()
    check("an end at once", c.p.wait(30) == 1)

    # a text that is typed key by key is compiled when the typing stops
    c = Client()
    c.request("initialize", capabilities={})
    c.open(uri, "a = 1\n")
    for i in range(50):
        c.notify("textDocument/didChange", textDocument={"uri": uri}, contentChanges=[{"text": f"a = {i}\nb = x\n"}])
    check("typing", len(c.diagnostics(uri)) == 1)
    check("typing: one answer", c.next(1) is None)
    check("ends", c.end() == 0)


with tempfile.TemporaryDirectory() as folder:
    session(os.path.realpath(folder))
    other_sessions(folder)
check.end()
