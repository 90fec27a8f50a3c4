#!/usr/bin/env python3
"""macho.py -- looks at what `make macos` made, by a reader of its own: signatures (the sum of every page),
the oldest macOS, install names, libraries that are needed, names that the library exports, files of both
processors. Ends with `macho: N passed, N failed`.
usage: macho.py BUILD"""
import glob
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

from counted import Checks, build_given

build = build_given(__doc__)
SYSTEM = "/usr/lib/libSystem.B.dylib"
CPUS = {"arm64": 0x0100000C, "x86_64": 0x01000007}
check = Checks("macho")


def text(b):
    return b.split(b"\0")[0].decode()


class MachO:
    """Header and load commands of a thin 64-bit file."""

    def __init__(self, data):
        self.data = data
        magic, self.cpu, _, self.kind, count, size, _, _ = struct.unpack_from("<8I", data, 0)
        assert magic == 0xFEEDFACF, hex(magic)
        self.needs, self.id, self.minimum, self.platform, self.signature = [], None, None, None, None
        self.segments, self.sections, at = {}, {}, 32
        for _ in range(count):
            cmd, length = struct.unpack_from("<2I", data, at)
            body = data[at:at + length]
            if cmd in (0xC, 0x80000018, 0x8000001F):  # LOAD, LOAD_WEAK, REEXPORT
                self.needs.append(text(body[struct.unpack_from("<I", body, 8)[0]:]))
            elif cmd == 0xD:
                self.id = text(body[struct.unpack_from("<I", body, 8)[0]:])
            elif cmd == 0x32:
                self.platform, minimum = struct.unpack_from("<2I", body, 8)
                self.minimum = (minimum >> 16, minimum >> 8 & 255)
            elif cmd == 0x1D:
                self.signature = struct.unpack_from("<2I", body, 8)
            elif cmd == 0x19:
                self.segments[text(body[8:24])] = struct.unpack_from("<4Q", body, 24)
                for i in range(struct.unpack_from("<I", body, 64)[0]):  # address, size, offset
                    self.sections[text(body[72 + 80 * i:][:16])] = struct.unpack_from("<2QI", body, 104 + 80 * i)
            at += length
        assert at == 32 + size, "sizeofcmds"


def signature_fault(m, name):
    """What is wrong with the ad-hoc signature of m, or None."""
    if not m.signature:
        return "there is none"
    at, size = m.signature
    if at % 16 or at + size != len(m.data):
        return "it is not the end of the file, at a multiple of 16"
    address, room, offset, bytes_ = m.segments["__LINKEDIT"]
    page = 0x4000 if m.cpu == CPUS["arm64"] else 0x1000
    if offset + bytes_ != len(m.data) or room < bytes_ or room % page:
        return "the segment __LINKEDIT does not hold it"
    magic, length, count = struct.unpack_from(">3I", m.data, at)
    if magic != 0xFADE0CC0 or length > size:
        return "it is no list of blobs"
    slots = dict(struct.unpack_from(">2I", m.data, at + 12 + 8 * i) for i in range(count))
    if 0 not in slots:
        return "it has no code directory"
    c = m.data[at + slots[0]:at + length]
    (magic, length, version, flags, sums, ident, special, pages, limit) = struct.unpack_from(">9I", c, 0)
    sum_size, sum_type, _, page_bits = c[36:40]
    if magic != 0xFADE0C02 or length > len(c) or version < 0x20400:
        return "its code directory is none"
    if not flags & 2 or special != 0 or (sum_type, sum_size) != (2, 32) or page_bits not in (12, 14):
        return f"flags {flags:#x}, sums {sum_type} of {sum_size}, pages 2^{page_bits}"
    if text(c[ident:]) != name:
        return f"it names {text(c[ident:])}"
    if limit != at or pages != (limit + (1 << page_bits) - 1) >> page_bits:
        return f"it covers {limit} of {at} bytes with {pages} sums"
    base, base_size, main = struct.unpack_from(">3Q", c, 64)
    if (base, base_size) != (m.segments["__TEXT"][2], m.segments["__TEXT"][3]) or main != (m.kind == 2):
        return f"the executable segment is at {base}, {base_size} bytes, flags {main}"
    for i in range(pages):
        part = m.data[i << page_bits:min((i + 1) << page_bits, limit)]
        if hashlib.sha256(part).digest() != c[sums + 32 * i:sums + 32 * i + 32]:
            return f"the sum of page {i} of {pages} is another"
    return None


def unwinding_of(m, function):
    """The compact encoding of how the function at this address is unwound, and where its personality is."""
    base = m.segments["__TEXT"][0]
    at = m.sections["__unwind_info"][2]
    word = lambda i: struct.unpack_from("<I", m.data, at + i)[0]
    common, ncommon, people, _, index, nindex = struct.unpack_from("<6I", m.data, at + 4)
    for i in range(nindex - 1):
        first, page = word(index + 12 * i), word(index + 12 * i + 4)
        if not first <= function - base < word(index + 12 * (i + 1)):
            continue
        if word(page) == 2:  # each function with its encoding
            begin, count = struct.unpack_from("<2H", m.data, at + page + 4)
            rows = [(word(page + begin + 8 * k), word(page + begin + 8 * k + 4)) for k in range(count)]
        else:  # each with a number of one
            begin, count, codes = struct.unpack_from("<3H", m.data, at + page + 4)
            packed = [word(page + begin + 4 * k) for k in range(count)]
            code = lambda k: word(common + 4 * k) if k < ncommon else word(page + codes + 4 * (k - ncommon))
            rows = [(first + (p & 0xFFFFFF), code(p >> 24)) for p in packed]
        encoding = max(r for r in rows if r[0] <= function - base)[1]
        person = encoding >> 28 & 3
        return encoding, base + word(people + 4 * (person - 1)) if person else None
    return None, None


def at_address(m, address):
    for start, room, offset, size in m.segments.values():
        if start <= address < start + size:
            return struct.unpack_from("<Q", m.data, offset + address - start)[0]
    return 0


def addresses(path):
    out = subprocess.run(["llvm-nm", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[2]: int(line.split()[0], 16) for line in out.splitlines() if len(line.split()) == 3}


def frame_fault(m, path):
    """What is wrong with how raise_frame (backends/ane/raise.c) is unwound in the file, or None."""
    names = addresses(path)
    frame, catches = names.get("_raise_frame"), names.get("_raise_personality")
    if not frame or not catches:
        return "it has no frame that catches"
    encoding, slot = unwinding_of(m, frame)
    if slot is None or at_address(m, slot) & (1 << 43) - 1 != catches:
        return f"{encoding:#x}: another personality than ours" if encoding else "nothing tells how it is unwound"
    if encoding >> 24 & 15 != (3 if m.cpu == CPUS["arm64"] else 4):
        return None  # by the encoding alone
    address, _, offset = m.sections["__eh_frame"]
    entry = encoding & 0xFFFFFF
    begin = struct.unpack_from("<q", m.data, offset + entry + 8)[0] + address + entry + 8
    return None if begin == frame else f"its entry of __eh_frame is of {begin:#x}, not {frame:#x}"


def exported(path, *how):
    out = subprocess.run(["nm" if "-D" in how else "llvm-nm", *how, "--defined-only", path], capture_output=True,
                         text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines() if len(line.split()) == 3]
    return {name for _, kind, name in rows if kind in "TDBSRCV"}


def read(path):
    with open(path, "rb") as f:
        return f.read()


tools = sorted(os.path.basename(p)[:-2] for p in glob.glob("tools/ane*.c"))
library = "libanec.dylib"
thin = {}
for arch, cpu in CPUS.items():
    for name in tools + [library]:
        path = f"{build}/macos-{arch}/{name}"
        thin[arch, name] = data = read(path)
        m = MachO(data)
        check(f"{path} is for {m.cpu:#x}, kind {m.kind}", m.cpu == cpu and m.kind == (6 if name == library else 2))
        check(f"{path} needs {m.needs}", m.needs == [SYSTEM])
        check(f"{path} is for macOS {m.minimum}, platform {m.platform}", m.minimum == (13, 0) and m.platform == 1)
        check(f"{path} is called {m.id}", m.id == ("@rpath/libanec.dylib" if name == library else None))
        check(f"{path} may be run", os.access(path, os.X_OK))
        fault = signature_fault(m, name)
        check(f"the signature of {path}", fault is None, fault or "")
        if name in ("anerun", "aneprobe", library):
            fault = frame_fault(m, path)
            check(f"exceptions in {path}", fault is None, fault or "")
    path = f"{build}/macos-{arch}/{library}"
    ours = {n[1:] for n in exported(path, "-g") if n not in ("___dso_handle", "__mh_dylib_header")}
    theirs = {n for n in exported(f"{build}/libanec.so", "-D") if n.startswith("anec_")}
    check(f"{path} exports other names than libanec.so", ours == theirs and theirs, str(sorted(ours ^ theirs))[:400])

# The reader of signatures sees what was changed, in the first page, the last, and in the middle.
for at in (40, 0x8000, -1):
    m = MachO(thin["x86_64", "anerun"])
    at = at if at >= 0 else m.signature[0] - 1
    changed = bytearray(m.data)
    changed[at] ^= 1
    m.data = bytes(changed)
    check("a changed byte is not seen", signature_fault(m, "anerun") is not None)

# So does the reader of what catches exceptions: without a personality, and with another one.
path = f"{build}/macos-arm64/anerun"
m = MachO(thin["arm64", "anerun"])
slot = unwinding_of(m, addresses(path)["_raise_frame"])[1]
_, _, offset, _ = next(s for s in m.segments.values() if s[0] <= slot < s[0] + s[1])
start = next(s[0] for s in m.segments.values() if s[0] <= slot < s[0] + s[1])
changed = bytearray(m.data)
changed[offset + slot - start] ^= 16
m.data = bytes(changed)
check("another personality is not seen", frame_fault(m, path) is not None)

# ---- files of both ----------------------------------------------------------------------------

for name in tools + [library, "libanec.a"]:
    path = f"{build}/macos-universal/{name}"
    data = read(path)
    magic, count = struct.unpack_from(">2I", data, 0)
    check(f"{path} begins with {magic:#x}, {count}", magic == 0xCAFEBABE and count == 2)
    end = 8 + 20 * count
    for i, arch in enumerate(CPUS):
        cpu, sub, offset, size, align = struct.unpack_from(">5I", data, 8 + 20 * i)
        check(f"{path}: part {i} is for {cpu:#x}, {sub}, at {offset}, 2^{align}",
              cpu == CPUS[arch] and sub == (3 if arch == "x86_64" else 0) and align == 14 and offset % (1 << 14) == 0
              and offset >= end)
        check(f"{path}: part {i} is another file", data[offset:offset + size] == read(f"{build}/macos-{arch}/{name}"))
        end = offset + size
    check(f"{path} goes on behind its parts", end == len(data))
    if name.endswith(".a"):
        continue
    check(f"{path} may be run", os.access(path, os.X_OK))
    said = subprocess.run(["file", "-b", path], capture_output=True, text=True, check=False).stdout
    check(f"file does not know {path}", "universal binary with 2 architectures" in said, said)

# ---- what the step itself refuses --------------------------------------------------------------


def macho(*args):
    r = subprocess.run([f"{build}/.ci/macho", *args], capture_output=True, text=True, check=False)
    return r.returncode, r.stderr


with tempfile.TemporaryDirectory() as temp:
    def put(name, data):
        with open(f"{temp}/{name}", "wb") as f:
            f.write(data)
        return f"{temp}/{name}"

    arm, x86 = thin["arm64", "anec"], thin["x86_64", "anec"]
    signed = put("signed", x86)
    check("what is signed is signed again", macho("sign", signed)[0] == 0 and read(signed) == x86)
    m = MachO(x86)
    bare = bytearray(x86[:m.signature[0]])  # without its signature and the command, which is the last
    count, size = struct.unpack_from("<2I", bare, 16)
    struct.pack_into("<2I", bare, 16, count - 1, size - 16)
    bare[32 + size - 16:32 + size] = bytes(16)
    for at in range(32, 32 + size):
        if bare[at:at + 16] == b"__LINKEDIT".ljust(16, b"\0"):
            struct.pack_into("<Q", bare, at + 40, len(bare) - m.segments["__LINKEDIT"][2])
            linkedit = at
    again = put("anec", bare)
    check("what lost its signature gets the same", macho("sign", again)[0] == 0 and read(again) == x86)
    refused = [
        ("no file", f"{temp}/none", "cannot"),
        ("no Mach-O file", put("text", b"no program"), "is no 64-bit Mach-O file"),
        ("commands that are cut short", put("short", bytes(bare[:200])), "its load commands are cut short"),
        ("something behind the last segment", put("more", bytes(bare) + b"more"), "does not end with its segment"),
        ("no __LINKEDIT", put("other", bytes(bare[:linkedit]) + b"__OTHER" + bytes(bare[linkedit + 7:])),
         "has no segment __LINKEDIT"),
    ]
    full = bytearray(bare)
    text_at = full.index(b"__text\0")
    struct.pack_into("<I", full, text_at + 48, 32 + size - 16 + 8)
    refused.append(("no room", put("full", bytes(full)), "has no room for one more load command"))
    for what, path, said in refused:
        code, err = macho("sign", path)
        check(f"sign takes {what}", code == 1 and said in err, f"{code} {err}")
    code, err = macho("fat", f"{temp}/fat", put("a", x86), put("b", arm))
    check("fat takes them the other way round", code == 1 and "is for another processor" in err, f"{code} {err}")
    check("fat leaves a file behind", not os.path.exists(f"{temp}/fat"))
    code, err = macho("fat", f"{temp}/fat", put("a", b"!<arch>\nnothing"), put("b", x86))
    check("fat takes an archive of nothing", code == 1 and "has no Mach-O file in it" in err, f"{code} {err}")
    code, err = macho("fat", f"{temp}/fat")
    check("macho does not tell its usage", code == 2 and err.startswith("usage: "), f"{code} {err}")

check.end()
