"""libanec as ctypes sees it: where it is, its structs, its calls with a status as exceptions."""
from __future__ import annotations

import ctypes as c
import ctypes.util
import os

MAX_RANK = 16
INPUT, RESULT, STATE = 0, 1, 2


class CTensor(c.Structure):
    _fields_ = [("dtype", c.c_char_p), ("rank", c.c_int), ("shape", c.c_int64 * MAX_RANK), ("data", c.c_void_p),
                ("bytes", c.c_size_t)]


class CError(c.Structure):
    _fields_ = [("text", c.c_char * 2048)]


class CInput(c.Structure):
    _fields_ = [("name", c.c_char_p), ("origin", c.c_char_p), ("tensor", c.POINTER(CTensor))]


class CRunOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("seed", c.c_uint64), ("max_steps", c.c_uint64), ("value", c.c_void_p),
                ("begin", c.c_void_p), ("end", c.c_void_p), ("ctx", c.c_void_p), ("phase", c.c_void_p),
                ("threads", c.c_int), ("lean", c.c_int)]


class CFeature(c.Structure):
    _fields_ = [("size", c.c_size_t), ("optional", c.c_int), ("has_value", c.c_int), ("value", c.c_double),
                ("color", c.c_char_p), ("width", c.c_int64), ("height", c.c_int64), ("sizes", c.c_char * 512)]


class CMacs(c.Structure):
    _fields_ = [("size", c.c_size_t), ("count", c.c_double), ("blocks", c.c_int), ("open", c.c_char_p)]


class CFinding(c.Structure):
    _fields_ = [("size", c.c_size_t), ("severity", c.c_int), ("id", c.c_char_p), ("is_rule", c.c_int),
                ("text", c.c_char_p), ("file", c.c_char_p), ("line", c.c_int), ("column", c.c_int),
                ("function", c.c_char_p), ("op", c.c_char_p), ("value", c.c_char_p), ("fixed_by", c.c_char_p),
                ("left", c.c_char_p)]


MESSAGE = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p)
FOUND = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(CFinding))


class Error(Exception):
    """What the library said; `status` is its anec_status."""
    status = 0


class WrongError(Error, ValueError):
    """A program, a name, a type or a shape is wrong."""
    status = 1


class UsageError(Error, ValueError):
    """An option is unknown, of a wrong value, or not for this model."""
    status = 2


class WorldError(Error, OSError):
    """A file, memory or the engine failed."""
    status = 3


class BusyError(Error, RuntimeError):
    """The kernel is running in another thread (4), was unloaded (5), or has no results (6)."""
    status = 4


class BugError(Error, RuntimeError):
    """A fault of the library's own."""
    status = 7


_ERRORS = {e.status: e for e in (WrongError, UsageError, WorldError, BusyError, BugError)}


def _candidates():
    """What may be the library, the first that is there: ANEC_LIBRARY, the one beside this file, the system's."""
    named = os.environ.get("ANEC_LIBRARY")
    if named:
        yield named
        return
    yield os.path.join(os.path.dirname(os.path.abspath(__file__)), "libanec.so.0")
    yield "libanec.so.0"
    found = ctypes.util.find_library("anec")
    if found:
        yield found


def _opened():
    said = []
    for path in _candidates():
        try:
            return c.CDLL(path)
        except OSError as e:
            said.append(str(e))
    raise ImportError("libanec is not found: " + "; ".join(said) + ". ANEC_LIBRARY may name it")


lib = _opened()
_TEXTS = "version how fact port function main_function backend classifier"
for _name in _TEXTS.split():
    getattr(lib, "anec_" + _name).restype = c.c_char_p
lib.anec_config_new.restype = c.c_void_p
for _name in "config_free config_messages close model_free free".split():
    getattr(lib, "anec_" + _name).restype = None


def call(name: str, *args) -> None:
    """A call that has a status and an anec_error behind its arguments."""
    error = CError()
    status = getattr(lib, "anec_" + name)(*args, c.byref(error))
    if status:
        failure = _ERRORS.get(status, BusyError)(error.text.decode(errors="replace"))
        failure.status = status
        raise failure


def text(name: str, *args) -> str:
    """A call that gives a text of its own."""
    pointer = c.c_void_p()
    call(name, *args, c.byref(pointer))
    out = c.cast(pointer, c.c_char_p).value or b""
    lib.anec_text_free(pointer)
    return out.decode(errors="replace")
