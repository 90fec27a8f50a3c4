"""Runs Core ML MIL programs, and compiles the language of .anedsl for it: on the Apple Neural Engine, by Core ML, on the
processor, or on a simulated engine.

    model = anec.load("net.mlpackage")
    y = model.predict({"x": x})["y"]

    anec.compile("net.anedsl", "net.mil", target="m1")
    for finding in anec.check("net.anedsl", target="m1"): print(finding)
"""
from __future__ import annotations

import ctypes as c
import json
import logging
import os
import tempfile
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from ._library import (BugError, BusyError, CFeature, CFinding, CInput, CMacs, CRunOptions, CTensor, Error, FOUND, INPUT, MESSAGE, RESULT,
                       STATE, UsageError, WorldError, WrongError, call, lib, text)
from ._tensor import array_of, taken, tensor_of
from ._tools import TrainError, train

__all__ = ["load", "compile", "check", "train", "backends", "Model", "Kernel", "Port", "Finding", "Error", "WrongError",
           "UsageError", "WorldError", "BusyError", "BugError", "TrainError", "__version__"]
__version__ = lib.anec_version().decode()
log = logging.getLogger("anec")
# errors are raised, and need no second place
_LEVELS = {0: logging.INFO, 1: logging.WARNING, 2: logging.DEBUG, 3: logging.DEBUG}
_SEVERITIES = ("note", "warning", "error", "failure")

Path = Union[str, "os.PathLike[str]"]


class Finding(NamedTuple):
    """What anec.check found: note, warning, error or failure; the rule's name (`anec --explain`), the warning's, "invalid",
    "unreadable", or None for a note on the finding before it; the text and its place; the pass that rewrites it when the
    model is compiled for the target, or why none does."""
    severity: str
    id: Optional[str]
    is_rule: bool
    text: str
    file: Optional[str]
    line: int
    column: int
    function: Optional[str]
    op: Optional[str]
    value: Optional[str]
    fixed_by: Optional[str]
    left: Optional[str]

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.severity}: {self.text}" + (f" [{self.id}]" if self.is_rule else "")


class Port(NamedTuple):
    """An input, result or state: -1 in its shape is any dimension; dtype is the library's word, "fp16"."""
    name: str
    dtype: str
    shape: tuple


def backends() -> Dict[str, str]:
    """The names of the backends, and what each is."""
    found, what, i = {}, c.c_char_p(), 0
    while True:
        name = lib.anec_backend(i, c.byref(what))
        if not name:
            return found
        found[name.decode()] = (what.value or b"").decode()
        i += 1


class _Config:
    """Options of the library, and where its messages go."""

    def __init__(self, options: Mapping[str, Any]):
        self.pointer = c.c_void_p(lib.anec_config_new())
        if not self.pointer:
            raise MemoryError
        self._call = MESSAGE(self._message)  # kept, since the library keeps it
        lib.anec_config_messages(self.pointer, self._call, None)
        for name, value in options.items():
            self._set(name.replace("_", "-"), value)

    def _message(self, _ctx, severity: int, said: bytes) -> None:
        log.log(_LEVELS[severity], "%s", said.decode(errors="replace").rstrip())

    def _set(self, name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            values = [f"{k}={v}" for k, v in value.items()]
        elif isinstance(value, (list, tuple)):
            values = [os.fspath(v) if isinstance(v, os.PathLike) else str(v) for v in value]
        elif value is True:
            values = [None]
        elif value is None or value is False:
            values = []
        else:
            values = [os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
        for v in values:
            call("config_set", self.pointer, name.encode(), None if v is None else v.encode())

    def __del__(self):
        if getattr(self, "pointer", None):
            lib.anec_config_free(self.pointer)


class _Device:
    def __init__(self, backend: str, options: Mapping[str, Any]):
        self.config = _Config(options)
        self.pointer = c.c_void_p()
        call("open_with", backend.encode(), self.config.pointer, c.byref(self.pointer))

    def __del__(self):
        if getattr(self, "pointer", None):
            lib.anec_close(self.pointer)


class Kernel:
    """A function of a model, compiled for its device. It keeps its states from run to run."""

    def __init__(self, model: "Model", function: Optional[str] = None):
        self.model = model  # which is freed after it
        self.pointer = c.c_void_p()
        call("compile", model.pointer, function.encode() if function else None, c.byref(self.pointer))
        self.inputs, self.results, self.states = (self._ports(k) for k in (INPUT, RESULT, STATE))

    def __del__(self):
        if getattr(self, "pointer", None):
            lib.anec_free(self.pointer)

    def _ports(self, kind: int) -> Dict[str, Port]:
        found: Dict[str, Port] = {}
        t = CTensor()
        while True:
            name = lib.anec_port(self.pointer, kind, len(found), c.byref(t))
            if not name:
                return found
            found[name.decode()] = Port(name.decode(), t.dtype.decode(), tuple(t.shape[:t.rank]))

    @property
    def how(self) -> str:
        """Where and how it runs: backend=cpu io=fp32 .."""
        return lib.anec_how(self.pointer).decode()

    def fact(self, part: str) -> Optional[str]:
        """A part of `how`: "backend", "target", "precision", "io" .."""
        said = lib.anec_fact(self.pointer, part.encode())
        return said.decode() if said else None

    def plan(self, format: str = "text") -> str:
        """By which steps cpu runs it; on coreml where the system would run each operation."""
        return text("plan", self.pointer, format.encode())

    def _image(self, name: str) -> bool:
        i = list(self.inputs).index(name)
        f = CFeature(size=c.sizeof(CFeature))
        return bool(lib.anec_port_feature(self.pointer, INPUT, i, c.byref(f)) and f.color)

    def _read(self, name: str, file: str, made: List[CTensor]) -> CTensor:
        t = CTensor()
        call("tensor_read", self.pointer, name.encode(), file.encode(), c.byref(t))
        made.append(t)
        return t

    def _given(self, name: str, value: Any, kept: List[Any], made: List[CTensor]) -> CTensor:
        if name not in self.inputs:
            raise WrongError(f"there is no input {name}; there is " + ", ".join(self.inputs))
        if isinstance(value, (str, os.PathLike)):
            return self._read(name, os.fspath(value), made)
        if isinstance(value, np.ndarray) and value.dtype == np.uint8 and self._image(name):
            with tempfile.TemporaryDirectory() as folder:
                np.save(os.path.join(folder, "image.npy"), value)
                return self._read(name, os.path.join(folder, "image.npy"), made)
        kept.append(taken(name, value, self.inputs[name].dtype))
        return tensor_of(kept[-1])

    def __call__(self, inputs: Optional[Mapping[str, Any]] = None, *, threads: int = 0, seed: int = 0,
                 **more: Any) -> Dict[str, Any]:
        """Runs it: inputs by name, arrays or what numpy makes arrays of, or names of .npy and .png files. Results by name,
        arrays of their own."""
        every = {**(inputs or {}), **more}
        kept: List[Any] = []
        made: List[CTensor] = []
        try:
            tensors = [self._given(name, value, kept, made) for name, value in every.items()]
            given = (CInput * max(1, len(tensors)))()
            for i, name in enumerate(every):
                given[i] = CInput(name.encode(), None, c.pointer(tensors[i]))
            o = CRunOptions(size=c.sizeof(CRunOptions), seed=seed, threads=threads)
            call("run_with", self.pointer, given, len(tensors), c.byref(o))
        finally:
            for t in made:
                lib.anec_tensor_free(c.byref(t))
        return {name: self._result("result", name) for name in self.results}

    def _result(self, what: str, name: str) -> Any:
        t = CTensor()
        call(what, self.pointer, name.encode(), c.byref(t))
        return array_of(t)

    def state(self, name: str) -> np.ndarray:
        """What a state holds now, a copy."""
        return self._result("state", name)

    def set_state(self, name: str, value: Any) -> None:
        if name not in self.states:
            raise WrongError(f"there is no state {name}; there is " + (", ".join(self.states) or "none"))
        a = taken(name, value, self.states[name].dtype)
        call("set_state", self.pointer, name.encode(), c.byref(tensor_of(a)), None)

    def reset(self) -> None:
        """All states are zero again."""
        call("reset", self.pointer)

    def macs(self) -> float:
        """Multiply-adds of a run with the shapes that are known."""
        m = CMacs(size=c.sizeof(CMacs))
        lib.anec_macs(self.pointer, None, 0, c.byref(m))
        return m.count


class Model:
    """A model on a device; `load` makes it."""

    def __init__(self, device: _Device, pointer: c.c_void_p):
        self._device, self.pointer = device, pointer
        self._kernels: Dict[Optional[str], Kernel] = {}

    def __del__(self):
        if getattr(self, "pointer", None):
            self._kernels = {}
            lib.anec_model_free(self.pointer)

    @property
    def functions(self) -> List[str]:
        found: List[str] = []
        while True:
            name = lib.anec_function(self.pointer, len(found))
            if not name:
                return found
            found.append(name.decode())

    def describe(self, format: str = "text") -> str:
        """What its functions take and give: "text" or "json"."""
        return text("describe", self.pointer, format.encode())

    def count(self) -> Dict[str, Any]:
        """What it has, as `anec --stats --json`: operations, multiply-adds, parameters, bytes, by function."""
        return json.loads(text("count", self.pointer, b"json"))

    def kernel(self, function: Optional[str] = None) -> Kernel:
        """Another kernel each time, with states of its own."""
        return Kernel(self, function)

    def predict(self, inputs: Optional[Mapping[str, Any]] = None, *, function: Optional[str] = None,
                threads: int = 0) -> Dict[str, Any]:
        """Results by name, for inputs by name. The function is compiled once; its states go from call to call."""
        if function not in self._kernels:
            self._kernels[function] = self.kernel(function)
        return self._kernels[function](inputs, threads=threads)

    def grad(self, names: Optional[Sequence[str]] = None, only: bool = False) -> "Model":
        """The same model, whose main function computes gradients too: results d_NAME."""
        out = c.c_void_p()
        call("grad", self.pointer, ",".join(names).encode() if names else None, int(only), c.byref(out))
        return Model(self._device, out)

    def with_weights(self, weights: Mapping[str, Any]) -> "Model":
        """A model of the language with other numbers for its declared weights, by path."""
        arrays = {path: np.ascontiguousarray(w) for path, w in weights.items()}
        given = (CInput * max(1, len(arrays)))()
        tensors = [tensor_of(a) for a in arrays.values()]
        for i, path in enumerate(arrays):
            given[i] = CInput(path.encode(), None, c.pointer(tensors[i]))
        out = c.c_void_p()
        call("with_weights", self.pointer, given, len(arrays), c.byref(out))
        return Model(self._device, out)

    def save(self, path: Path) -> None:
        """Writes .mil with its weights beside it, .mlmodelc or .mlpackage, whole or not at all."""
        call("save", self.pointer, os.fspath(path).encode())


def load(model: Path, backend: str = "auto", **options: Any) -> Model:
    """A model of a file: .mil, .mlmodelc, .mlpackage or .anedsl; a text with `text=True`.

    backend: "auto", "ane", "coreml", "cpu", "ref", "sim:m1" .. Options are those of the tools: target="m1",
    set={"layers": 2}, io="fp16", opset="ios17", quiet=True .. Warnings go to the logger "anec"."""
    is_text = options.pop("text", False)
    device = _Device(backend, options)
    out = c.c_void_p()
    if is_text:
        data = os.fspath(model).encode()
        call("load_text", device.pointer, data, c.c_size_t(len(data)), None, c.byref(out))
    else:
        call("load", device.pointer, os.fspath(model).encode(), c.byref(out))
    return Model(device, out)


def compile(model: Path, output: Path, target: str = "generic", **options: Any) -> None:
    """Compiles a program for a target and writes it, as `anec --target T -o OUTPUT MODEL`."""
    load(model, "ref", target=target, **options).save(output)


def check(model: Path, target: Optional[str] = None, **options: Any) -> List[Finding]:
    """What is wrong with a program for a target, as `anec --check --target T MODEL`; an empty list: nothing. Without a
    target a program of the language is checked for `generic`, other models as they are written."""
    found: List[Finding] = []
    wanted = {name: kind for name, kind in CFinding._fields_ if name in Finding._fields}

    def hear(_ctx, one) -> None:
        values = {name: getattr(one.contents, name) for name in wanted}
        words = {n: v.decode(errors="replace") if isinstance(v, bytes) else v for n, v in values.items()}
        found.append(Finding(**{**words, "severity": _SEVERITIES[words["severity"]], "is_rule": bool(words["is_rule"])}))

    config = _Config({"target": target, **options})
    try:
        call("check", config.pointer, os.fspath(model).encode(), FOUND(hear), None)
    except (WrongError, WorldError):
        if not found:
            raise
    return found
