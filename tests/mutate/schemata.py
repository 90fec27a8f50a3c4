"""schemata.py -- mutations of C sources, and sources that hold many at once, each behind `mutant(N)`.

A mutation replaces an expression or a statement in a function's body: `a < b` becomes
`(mutant(7) ? (a <= b) : (a < b))`, a statement `{ if (!mutant(8)) f(x); }`. So one build has them
all, and the environment chooses. Lines stay where they are. What does not compile so (a constant
that must be one, an lvalue) is dropped by who builds."""
import random
import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r'(?P<space>\s+|//[^\n]*|/\*.*?\*/)'
    r'|(?P<string>"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')'
    r'|(?P<name>[A-Za-z_]\w*)'
    r'|(?P<number>(?:0[xX][\da-fA-F.]+(?:[pP][-+]?\d+)?|\d[\d.]*(?:[eE][-+]?\d+)?)[uUlLfF]*)'
    r'|(?P<sign>->|\+\+|--|<<=|>>=|&&|\|\||[-+*/%&|^=!<>]=|<<|>>|\.\.\.|.)', re.S)
BINDS = {"*": 10, "/": 10, "%": 10, "+": 9, "-": 9, "<<": 8, ">>": 8, "<": 7, "<=": 7, ">": 7, ">=": 7,
         "==": 6, "!=": 6, "&": 5, "^": 4, "|": 3, "&&": 2, "||": 1}
ASSIGN = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
HEADS = {"if", "while", "for", "switch"}
STOPS = {"return", "else", "case", "do", "goto", "default"} | HEADS
SWAPS = {"<": ["<=", ">="], ">": [">=", "<="], "<=": ["<"], ">=": [">"], "==": ["!="], "!=": ["=="],
         "+": ["-"], "-": ["+"], "*": ["+"], "/": ["*"], "%": ["/"], "&&": ["||"], "||": ["&&"],
         "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"]}
KINDS = {"<": "compare", ">": "compare", "<=": "compare", ">=": "compare", "==": "compare", "!=": "compare",
         "&&": "connective", "||": "connective"}
ROOM = re.compile(r"\s*(?:const |unsigned )*[A-Za-z_]\w* \**\w+(?:\[[^\]]+\])+(?:, [^=]*)?;")  # `int x[N + 1];`


@dataclass
class Mutant:
    path: str
    kind: str
    start: int   # of what is replaced, in the file's text
    end: int
    instead: str  # "" for a statement that goes
    statement: bool = False
    sign: tuple = ()  # of two operands: where the operator begins and ends, and what becomes of it
    number: int = 0
    raw: tuple = ()   # the operands, as they were
    inner: list = field(default_factory=list, compare=False)
    reached: bool = False
    left: bool = False  # of time: tests that reach it have not met it


@dataclass
class Tok:
    kind: str
    text: str
    start: int
    end: int
    match: int = -1


def tokens_of(text):
    """The tokens, without blanks, comments and lines of the preprocessor; brackets know their others."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    code = re.sub(r"(?m)^[ \t]*#(?:\\\n|[^\n])*", blank, text)
    toks, open_at = [], []
    for m in TOKEN.finditer(code):
        if m.lastgroup == "space":
            continue
        t = Tok(m.lastgroup, m.group(0), m.start(), m.end())
        if t.text in ("(", "[", "{"):
            open_at.append(len(toks))
        elif t.text in (")", "]", "}") and open_at:
            t.match = open_at.pop()
            toks[t.match].match = len(toks)
        toks.append(t)
    return toks


def plain(text):
    """On one line, without comments."""
    return re.sub(r"\s+", " ", re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.S)).strip()


class File:
    """Every mutation that a source offers."""

    def __init__(self, path, text):
        self.path, self.text, self.found = path, text, []
        self.t = tokens_of(text)
        self.lines = text.split("\n")
        i = 0
        while i < len(self.t):
            t = self.t[i]
            if t.text == "{" and i and self.t[i - 1].text == ")" and t.match > 0:
                self.body(i + 1, t.match)
            i = t.match + 1 if t.text in "([{" and t.match > i else i + 1

    def source(self, start, end):
        return self.text[start:end]

    def line_of(self, at):
        return self.lines[self.text.count("\n", 0, at)]

    def add(self, kind, start, end, instead, statement=False, sign=()):
        self.found.append(Mutant(self.path, kind, start, end, instead, statement, sign))

    # ---- expressions ----

    def is_binary(self, i):
        t = self.t[i]
        return (t.text in BINDS and self.text[t.start - 1].isspace() and self.text[t.end].isspace()
                and (self.t[i - 1].kind in ("name", "number", "string") or self.t[i - 1].text in (")", "]", "++", "--"))
                and self.t[i - 1].text not in STOPS)

    def left_of(self, i, binds):
        """The first token of the operand on the left of the operator at i."""
        j = i - 1
        while j >= 0:
            t = self.t[j]
            if t.text in (")", "]"):
                if t.match > 0 and self.t[t.match - 1].text in HEADS:
                    return j + 1
                j = t.match - 1
                continue
            if t.text == "}" and self.t[t.match - 1].text == ")":
                j = t.match - 1  # a compound literal
                continue
            if t.text in ("(", "[", "{", "}", ";", ",", "?", ":") or t.text in ASSIGN or t.text in STOPS:
                return j + 1
            if self.is_binary(j) and BINDS[t.text] < binds:
                return j + 1
            j -= 1
        return 0

    def right_of(self, i, binds):
        """The last token of the operand on its right."""
        j = i + 1
        while j < len(self.t):
            t = self.t[j]
            if t.text in ("(", "[", "{"):
                j = t.match + 1
                continue
            if t.text in (")", "]", "}", ";", ",", "?", ":") or t.text in ASSIGN:
                return j - 1
            if self.is_binary(j) and BINDS[t.text] <= binds:
                return j - 1
            j += 1
        return j - 1

    def binary(self, i):
        t = self.t[i]
        binds = BINDS[t.text]
        if re.search(r"\b(\w*alloc\w*|NEW_ARRAY|mem_zero)\(", self.line_of(t.start)) and KINDS.get(t.text) is None:
            return  # how much is asked for: too little is found by the sanitizers
        a, b = self.left_of(i, binds), self.right_of(i, binds)
        if a > i - 1 or b < i + 1:
            return
        start, end = self.t[a].start, self.t[b].end
        left, right = plain(self.source(start, t.start)), plain(self.source(t.end, end))
        for swap in SWAPS.get(t.text, []):
            if t.text[0] == swap[0] and self.same_at_bound(left, right, end):
                continue
            self.add(KINDS.get(t.text, "arithmetic"), start, end, f"{left} {swap} {right}", sign=(t.start, t.end, swap))
        if t.text in ("&&", "||"):
            self.add("drop", start, end, left, sign=(t.start, t.end, "left"))
            self.add("drop", start, end, right, sign=(t.start, t.end, "right"))
        if t.text in ("+", "-"):
            self.add("operand", start, end, left, sign=(t.start, t.end, "left"))

    def same_at_bound(self, left, right, end):
        """A least or greatest, a difference or zero, by its form: where both are equal either does the same."""
        bare = lambda x: re.sub(r"\((?:int|long|double|float|size_t|u?int\d+_t)\)", "", x)
        left, right, rest = bare(left), bare(right), bare(plain(self.text[end:end + 200]))
        arms = re.match(r"\)? \? ([^?:;,]+?) : ([^?:;,]+?)[;,]", " " + rest if rest[0] == "?" else rest)
        both = {left, right}
        if arms:
            a, b = arms.groups()
            while b.count(")") > b.count("("):  # of what is around
                b = b[:-1]
            gap = lambda x, y: x in (f"{left} - {right}", f"{right} - {left}", "-" + left if right == "0" else "") and y == "0"
            return {a, b} == both or gap(a, b) or gap(b, a)
        put = re.match(r"\) ([^=;]+?) = ([^=;]+?);", rest)
        return bool(put) and set(put.groups()) == both

    def number(self, i):
        t = self.t[i]
        near = self.t[i - 1].text + self.t[i + 1].text
        if not re.fullmatch(r"\d+[uUlL]*", t.text) or near in ("{}", "{,") or "case" in self.line_of(t.start):
            return
        if re.search(r"\b(\w*alloc\w*|NEW_ARRAY|mem_zero|sizeof)\b", self.line_of(t.start)):
            return  # room to spare is nobody's loss
        n, suffix = re.fullmatch(r"(\d+)(\w*)", t.text).groups()
        self.add("number", t.start, t.end, f"{int(n) + 1}{suffix}")
        if int(n):
            self.add("number", t.start, t.end, f"{int(n) - 1}{suffix}")

    # ---- statements ----

    def statement_end(self, i, end):
        while i < end and self.t[i].text != ";":
            i = self.t[i].match + 1 if self.t[i].text in ("(", "[", "{") else i + 1
        return i

    def begins(self, i):
        before = self.t[i - 1]
        if before.text in ("{", "}", ";", "else", "do"):
            return True
        if before.text == ":":
            return bool(re.match(r"\s*(case|default)\b", self.line_of(before.start)))
        return before.text == ")" and self.t[before.match - 1].text in HEADS

    def statement(self, i, end):
        last = self.statement_end(i, end)
        text = self.source(self.t[i].start, self.t[last].end)
        call = re.match(r"(\(void\))?[a-z_]\w*\(", text) and self.t[last - 1].text == ")"
        assign = re.match(r"[*(]*[a-zA-Z_][\w.>()\[\]-]*( \+ \w+\])? ([-+*/|&^]?=|<<=|>>=) ", text)
        step = re.fullmatch(r"(\+\+|--)?[\w.>()\[\]*-]+(\+\+|--)?;", text) and ("++" in text or "--" in text)
        freed = re.match(r"\w*(_free|_close|_disown)\(|free\(", text)  # leaks are found by the sanitizers
        if freed or "quiet" in text:  # as is how much somebody keeps whom nobody reads
            return
        if self.t[i].text not in STOPS and (call or assign or step):
            self.add("statement", self.t[i].start, self.t[last].end, "", True)
        elif text == "return;":
            self.add("statement", self.t[i].start, self.t[last].end, "", True)

    def condition(self, i):
        head = self.t[i + 1]
        if head.text == "(":
            start, end = head.end, self.t[head.match].start
            if re.fullmatch(r"[^&|?]* (==|!=) [^&|?]*|![\w.>\[\]-]+(\([^()]*\))?", plain(self.source(start, end))):
                return  # which changing that does already
            self.add("negate", start, end, f"!({plain(self.source(start, end))})")

    # ---- a function ----

    def skipped(self, i):
        """Promises of ours, declarations of constants."""
        line = self.line_of(self.t[i].start)
        return "bug(" in line or "assert" in line or "quiet" in line or re.match(r"\s*enum\b", line) or ROOM.match(line)

    def body(self, i, end):
        while i < end:
            t = self.t[i]
            if t.text == "static":
                i = self.statement_end(i, end)
                continue
            if not self.skipped(i):
                self.offer(i, end)
            i += 1

    def offer(self, i, end):
        t = self.t[i]
        if t.kind in ("name", "sign") and t.text not in "{};" and self.begins(i):
            self.statement(i, end)
        if t.text in ("if", "while"):
            self.condition(i)
        if t.text in ("true", "false"):
            self.add("truth", t.start, t.end, "false" if t.text == "true" else "true")
        if t.kind == "number":
            self.number(i)
        if t.text == "!" and self.t[i + 1].text not in ("=",):
            stop = i + 1
            while self.t[stop + 1].text in ("->", ".", "(", "[") or self.t[stop].text in ("->", ".", "!", "*", "&"):
                stop = self.t[stop + 1].match if self.t[stop + 1].text in ("(", "[") else stop + 1
            if self.t[stop].text == "(":
                stop = self.t[stop].match
                while self.t[stop + 1].text in ("->", ".", "(", "["):
                    stop = self.t[stop + 1].match if self.t[stop + 1].text in ("(", "[") else stop + 2
            self.add("negate", t.start, self.t[stop].end, plain(self.source(t.end, self.t[stop].end)))
        if t.text in BINDS and self.is_binary(i):
            self.binary(i)


# ---- choosing -------------------------------------------------------------------------------------------

def in_order(files, seed):
    """The mutants of some files, a list each, in the order of a seed: kinds take turns by lot."""
    rng = random.Random(seed)
    pool = {}
    for found in files:
        for m in found:
            pool.setdefault(m.kind, []).append(m)
    kinds = sorted(pool)
    while kinds:
        kind = rng.choice(kinds)
        yield pool[kind].pop(rng.randrange(len(pool[kind])))
        if not pool[kind]:
            kinds.remove(kind)


# ---- writing --------------------------------------------------------------------------------------------

def nest(mutants):
    """Those within others, below them; what overlaps otherwise is left out, but never one by hand."""
    hand = [m for m in mutants if m.kind == "by hand"]
    across = lambda m: any(m.start < h.start < m.end < h.end or h.start < m.start < h.end < m.end for h in hand)
    top, path = [], []
    for m in sorted(mutants, key=lambda m: (m.start, -m.end, m.statement is False, not m.sign)):
        m.inner = []
        if across(m):
            continue
        while path and path[-1].end <= m.start:
            path.pop()
        if path and m.end > path[-1].end:
            continue
        (path[-1].inner if path else top).append(m)
        path.append(m)
    return top


def flat(mutants):
    for m in mutants:
        yield m
        yield from flat(m.inner)


# In what is written a mutant stands between \x01N\x02 and \x03 until `placed` takes these out.
def marked(m, text):
    return f"\x01{m.number}\x02{text}\x03"


def placed(text):
    """The text without marks, and of each place of it that is a mutant's: begin, end, number."""
    out, at, spans, open_at, size = [], 0, [], [], 0
    for mark in re.finditer(r"\x01(\d+)\x02|\x03", text):
        out.append(text[at:mark.start()])
        size += mark.start() - at
        at = mark.end()
        if mark.group(1):
            open_at.append((size, int(mark.group(1))))
        else:
            start, number = open_at.pop()
            spans.append((start, size, number))
    out.append(text[at:])
    return "".join(out), spans


def of_connective(same, op, left, right):
    """`a && b` or `a || b`, and all that becomes of it."""
    n = same[0].number
    l, r, decided = f"mutant_l{n}", f"mutant_r{n}", f"!mutant_l{n}" if op == "&&" else f"mutant_l{n}"
    was, out = f"({decided} ? {l} : !!({right}))", ""
    for m in same:
        how = m.sign[2]
        if how == "right":
            out += marked(m, f"mutant_if({m.number}, {decided}) ? !!({m.raw[1]}) : ")
        elif how != "left":
            out += marked(m, f"mutant({m.number}) ? ({l} {how} ({m.raw[1]})) : ")
    ends = "".join(f"mutant_if({m.number}, {l} != {r}) ? {l} : " for m in same if m.sign[2] == "left")
    return f"({{ int {l} = !!({left}); {out}({{ int {r} = {was}; {ends}{r}; }}); }})"


def type_of(text):
    """Of a value, which for a bit field is not that of its place."""
    return f"__typeof__(1 ? ({text}) : ({text}))"


def of_operands(same, op, left, right):
    """Each operand is computed once, and a mutant counts as reached only where the results may differ."""
    if op in ("&&", "||"):
        return of_connective(same, op, left, right)
    n, raw, out = same[0].number, same[0].raw, ""
    l, r = f"mutant_l{n}", f"mutant_r{n}"
    for m in same:
        other = l if m.sign[2] == "left" else f"{l} {m.sign[2]} {r}"
        out += marked(m, f"mutant_if({m.number}, ({l} {op} {r}) != ({other})) ? ({other}) : ")
    return f"({{ {type_of(raw[0])} {l} = ({left}); {type_of(raw[1])} {r} = ({right}); {out}({l} {op} {r}); }})"


def alike(m):
    """The mutants of one operator, which stand within one another, and what is within the last."""
    same = [m]
    while len(same[-1].inner) == 1:
        i = same[-1].inner[0]
        if not i.sign or (i.start, i.end, i.sign[:2]) != (m.start, m.end, m.sign[:2]):
            break
        same.append(i)
    return same, same[-1].inner


def written(text, start, end, mutants):
    out, at = [], start
    for m in mutants:
        out.append(text[at:m.start])
        same, inner = alike(m) if m.sign else ([m], m.inner)
        if m.statement:
            out.append(marked(m, f"{{ if (!mutant({m.number})) {written(text, m.start, m.end, inner)} }}"))
        elif m.sign and not any(i.start < m.sign[1] and i.end > m.sign[0] for i in inner):
            a, b, _ = m.sign
            left = written(text, m.start, a, [i for i in inner if i.end <= a])
            right = written(text, b, m.end, [i for i in inner if i.start >= b])
            for o in same:
                o.raw = plain(text[m.start:a]), plain(text[b:m.end])
            out.append(marked(m, of_operands(same, text[a:b], left.strip(), right.strip())))
        else:
            out.append(marked(m, f"(mutant({m.number}) ? ({m.instead}) : ({written(text, m.start, m.end, m.inner)}))"))
        at = m.end
    out.append(text[at:end])
    return "".join(out)


def mutated(text, mutants):
    return placed(written(text, 0, len(text), nest(mutants)))


def lines_of(text, m):
    """The lines that a mutant is on, as they were and as they are, without their indent."""
    start = text.rfind("\n", 0, m.start) + 1
    end = text.find("\n", m.end)
    instead = ";" if m.statement else m.instead
    return plain(text[start:end]), plain(text[start:m.start] + instead + text[m.end:end])


def line_number(text, at):
    return text.count("\n", 0, at) + 1
