#!/usr/bin/env python3
"""order.py -- no expression makes ops in two of its operands.

C leaves open which operand of a call, of an operator or of an initializer is computed first, and compilers
differ: where two of them make ops, the program that gcc's build writes has another order than that
of clang's. So what makes ops is an op of its own, or alone in its expression.

usage: tests/order.py [FILE..]     from the top folder; ends with `order: N passed, N failed`

A function makes ops, or takes names, when it calls one that does; ROOTS do, and `mil_OP` of an op's
row, and calls through pointers whose type takes one of CONTEXTS. `;`, `&&`, `||`, `?:` and the commas of
declarations are sequenced; arguments of a call, elements of an initializer, and what other operators join
are not."""
import glob
import re
import subprocess
import sys

ROOTS = {'op_new', 'op_new_of', 'block_param', 'func_unique_name', 'func_claim_name'}
CONTEXTS = r'\b(?:Builder|Grad|Legal|Level|Lower) \*'
FOLDERS = ['ir', 'frontend', 'backends', 'api', 'train', 'tools']

UNREAD = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.M)
MACRO = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)\(')
TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.]*|->|&&|\|\||[=!<>]=|(?:<<|>>|[-+*/%|^&])=|[^\s\w]')
NAME = re.compile(r'[A-Za-z_]\w*$')
CLOSE = {'(': ')', '[': ']', '{': '}'}
HEADS = {'if', 'while', 'for', 'switch'}
KEYWORDS = HEADS | {'return', 'sizeof', 'case', 'else', 'do', 'default', 'goto', '_Alignof'}
SEQUENCED = {'&&', '||', '?', ':'}
ASSIGN = {'=', '+=', '-=', '*=', '/=', '%=', '|=', '^=', '&=', '<<=', '>>='}


def blank(text, keep=''):
    return keep + '\n' * text.count('\n')


def plain(text):
    """Without comments and what literals hold, line for line."""
    return UNREAD.sub(lambda m: blank(m.group(), '0' if m.group()[0] in '"\'' else ' '), text)


def tokens(text):
    """(token, line) and, for a bracket, (bracket, line, what is in it): a tree."""
    stack, line, at = [[]], 1, 0
    for m in TOKEN.finditer(text):
        line += text.count('\n', at, m.start())
        at, tok = m.start(), m.group()
        if tok in CLOSE:
            stack[-1].append((tok, line, []))
            stack.append(stack[-1][-1][2])
        elif tok in ')]}':
            if len(stack) > 1:
                stack.pop()
        else:
            stack[-1].append((tok, line))
    return stack[0]


def is_call(toks, i):
    """Whether the name at i is called; of what follows is no call but a parameter list, callers know."""
    return (NAME.match(toks[i][0]) and toks[i][0] not in KEYWORDS and i + 1 < len(toks)
            and toks[i + 1][0] == '(')


def flat_calls(toks):
    """(name, whether it is a member) of all calls below."""
    for i, tok in enumerate(toks):
        if is_call(toks, i):
            yield tok[0], i > 0 and toks[i - 1][0] in ('->', '.')
        if len(tok) == 3:
            yield from flat_calls(tok[2])


def functions(toks):
    """(name, whether it is static, body) of each function that is defined here."""
    begin = 0
    for i, tok in enumerate(toks):
        if tok[0] == '{' and i > 1 and toks[i - 1][0] == '(' and NAME.match(toks[i - 2][0]):
            yield toks[i - 2][0], any(t[0] == 'static' for t in toks[begin:i]), tok[2]
        if tok[0] in (';', '{'):
            begin = i + 1


class Source:
    def __init__(self, path, text):
        self.path, text = path, plain(text)
        self.macros = {}
        for m in DIRECTIVE.finditer(text):
            name = MACRO.match(m.group())
            if name:
                self.macros[name.group(1)] = tokens(m.group()[name.end() - 1:])
        self.text = DIRECTIVE.sub(lambda m: blank(m.group()), text)
        self.functions = list(functions(tokens(self.text)))


class Builders:
    """Whose calls make ops: found from ROOTS through all sources, until no more are found."""

    def __init__(self, sources, ops):
        self.everywhere = set(ROOTS) | {'mil_' + op for op in ops}
        self.here = {s.path: set() for s in sources}  # static functions that build
        self.own = {s.path: {n for n, static, _ in s.functions if static and s.path.endswith('.c')}
                    for s in sources}
        self.pointers = {s.path: set() for s in sources}
        self.members = set()
        self.read_pointers(sources)
        calls = [(s.path, name, static, set(flat_calls(body)))
                 for s in sources for name, static, body in s.functions]
        calls += [(s.path, name, False, set(flat_calls(body)))
                  for s in sources for name, body in s.macros.items()]
        more = True
        while more:
            more = False
            for path, name, static, called in calls:
                into = self.here[path] if static and path.endswith('.c') else self.everywhere
                if name not in into and any(self.builds(path, *c) for c in called):
                    into.add(name)
                    more = True

    def read_pointers(self, sources):
        types = set()
        for s in sources:
            types.update(re.findall(r'\btypedef\b[^;(]*?(\w+)\([^;)]*' + CONTEXTS, s.text))
            names = set(re.findall(r'\(\*(?:const )?(\w+)\)\([^;)]*' + CONTEXTS, s.text))
            self.pointers[s.path].update(names)
            self.members.update(names)
        for s in sources:
            for t in types:
                names = set(re.findall(r'\b%s \*(?:const )?(\w+)' % t, s.text))
                self.pointers[s.path].update(names)
                self.members.update(names)

    def builds(self, path, name, member):
        if member:
            return name in self.members
        if name in self.own[path]:
            return name in self.here[path]
        return name in self.everywhere or name in self.pointers[path]


class Reader:
    """Reads bodies of one file; `found` are the lines of expressions that build in two operands."""

    def __init__(self, path, builders):
        self.path, self.builders, self.found = path, builders, set()

    def block(self, toks):
        at = 0
        while at < len(toks):
            tok = toks[at]
            loop = tok[0] in HEADS or (is_call(toks, at) and at + 2 < len(toks) and toks[at + 2][0] == '{')
            if tok[0] == '{':
                self.block(tok[2])
                at += 1
            elif loop and at + 1 < len(toks) and toks[at + 1][0] == '(':
                self.sequence(toks[at + 1][2], (';', ','))
                at += 2
            elif tok[0] in ('else', 'do', ';'):
                at += 1
            elif tok[0] in ('case', 'default') or (at + 1 < len(toks) and toks[at + 1][0] == ':'):
                while at < len(toks) and toks[at][0] != ':':
                    at += 1
                at += 1
            else:
                end = at
                while end < len(toks) and toks[end][0] != ';':
                    end += 1
                self.sequence(toks[at:end], (',',))
                at = end + 1

    def sequence(self, toks, commas):
        """Expressions one after the other: whether one builds."""
        return any([self.operand(part) for part in split(toks, commas)])

    def side_by_side(self, parts, line):
        """What is computed in any order: whether one builds; two are a finding."""
        n = sum(parts)
        if n > 1:
            self.found.add(line)
        return n > 0

    def operand(self, toks):
        """An expression without commas: whether it builds."""
        if not toks:
            return False
        sides = split(toks, ASSIGN)
        return self.side_by_side([any([self.joined(p) for p in split(side, SEQUENCED)]) for side in sides],
                                 toks[0][1])

    def joined(self, toks):
        """Calls, groups and names between operators that leave the order open."""
        parts, at = [], 0
        while at < len(toks):
            tok = toks[at]
            if tok[0] in ('sizeof', '_Alignof'):
                at += 1
            elif is_call(toks, at):
                args = self.side_by_side([self.operand(p) for p in split(toks[at + 1][2], (',',))], tok[1])
                member = at > 0 and toks[at - 1][0] in ('->', '.')
                parts.append(args or self.builders.builds(self.path, tok[0], member))
                at += 1
            elif tok[0] == '{':
                parts.append(self.side_by_side([self.operand(p) for p in split(tok[2], (',',))], tok[1]))
            elif len(tok) == 3:
                parts.append(self.sequence(tok[2], (',',)))
            at += 1
        return self.side_by_side(parts, toks[0][1] if toks else 0)


def split(toks, at):
    parts = [[]]
    for tok in toks:
        if len(tok) == 2 and tok[0] in at:
            parts.append([])
        else:
            parts[-1].append(tok)
    return parts


def findings(sources, ops):
    builders = Builders(sources, ops)
    for s in sources:
        r = Reader(s.path, builders)
        for _, _, body in s.functions:
            r.block(body)
        yield s.path, sorted(r.found)


# ---- whether it finds what it must, and nothing else ----------------------------------------------------

SAMPLE_HEADER = """typedef Value *Rewrite(Builder *b, Op *op);
typedef struct { Rewrite *rewrite; bool (*call)(Lower *l); } Row;
#define TWICE(b, x) mil_add(b, "two", .x = x, .y = x)
"""
SAMPLE_BEGIN = """static Value *twice(Builder *b, Value *x)
{
    return mil_add(b, "two", .x = x, .y = x); /* mil_add(b, twice(b, x), twice(b, x)) */
}
static int count(Builder *b, int n) { return b->n + n; }
static void sample(Lower *l, Builder *b, Row *row, Op *op, Value *x, int n)
{
"""
BAD = [
    'mil_add(b, "y", .x = twice(b, x), .y = twice(b, x));',
    'use(twice(b, x), count(b, n), mil_neg(b, "y", .x = x));',
    'if (n && same(twice(b, x), TWICE(b, x))) return;',
    'Value *v[] = { twice(b, x), (twice(b, x)) };',
    'for (int i = 0; i < length(twice(b, x)) + length(twice(b, x)); i++) use(x);',
    'at[number(twice(b, x))] = twice(b, x);',
    'use((Pair){ .one = twice(b, x), .other = n ? x : twice(b, x) });',
    'use(row->rewrite(b, op), row->rewrite(b, op));',
    'use(row->call(l), func_unique_name(l->func, "a, b"));',
    'switch (n) { case 1: { use(twice(b, twice(b, x)), n + number(twice(b, x))); } }',
]
GOOD = [
    'mil_add(b, "y", .x = twice(b, twice(b, x)), .y = x);',
    'Value *v = twice(b, x), *w = twice(b, x);',
    'use(n ? twice(b, x) : mil_neg(b, "y", .x = x));',
    'if (!twice(b, x) || !twice(b, x)) return;',
    'twice(b, x), twice(b, x);',
    'use(twice(b, x), count(b, n), sizeof(twice(b, x)), "twice(b, x)");',
    'for (Value *v = twice(b, x); same(twice(b, x), x); v = twice(b, x)) use(v);',
    'v = twice(b, twice(b, x)); /* twice(b, x) */ w = twice(b, x);',
    'if (n) { use(row->rewrite(b, op)); } else { use(row->call(l)); }',
    'int twice_n = count(b, n) + count(b, n);',
]


def selftest():
    """How many samples are judged wrongly."""
    wrong = 0
    header = Source('sample.h', SAMPLE_HEADER)
    for expected, samples in ((1, BAD), (0, GOOD)):
        for sample in samples:
            source = Source('sample.c', SAMPLE_BEGIN + sample + '\n}\n')
            found = dict(findings([header, source], ['add', 'neg']))['sample.c']
            if len(found) != expected:
                wrong += 1
                print('FAILED the sample `%s` has %d findings, not %d' % (sample, len(found), expected))
    return wrong


def main():
    files = subprocess.run(['git', 'ls-files'] + [f'{d}/*.[ch]' for d in FOLDERS],
                           capture_output=True, text=True, check=True).stdout.split()
    asked = sys.argv[1:] or files
    sources = [Source(f, open(f, encoding='utf-8').read()) for f in sorted(set(files) | set(asked))]
    ops = re.findall(r'^OP\((\w+)', ''.join(open(f, encoding='utf-8').read() for f in sorted(glob.glob('ir/ops/*.def'))), re.M)
    wrong = failed = 0
    for path, lines in findings(sources, ops):
        if path in asked:
            failed += bool(lines)
            for line in lines:
                print(f'{path}:{line}: makes ops in two operands of one expression')
    wrong = selftest()
    passed = len(asked) - failed + len(BAD) + len(GOOD) - wrong
    print(f'order: {passed} passed, {failed + wrong} failed')
    return failed + wrong > 0


if __name__ == '__main__':
    sys.exit(main())
