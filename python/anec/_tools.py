"""What the tools do that the library does not: training."""
from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any, Mapping, Optional, Union

Path = Union[str, "os.PathLike[str]"]


class TrainError(RuntimeError):
    """anetrain ended with an error; `status` is its exit code, the text what it said."""

    def __init__(self, status: int, said: str):
        super().__init__(said.strip() or f"anetrain ended with {status}")
        self.status = status


def _words(options: Mapping[str, Any]):
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            yield option
        elif isinstance(value, Mapping):
            for key, v in value.items():
                yield from (option, f"{key}={v}")
        else:
            yield from (option, os.fspath(value) if isinstance(value, os.PathLike) else str(value))


def train(model: Path, data: Path, output: Optional[Path] = None, *, anetrain: Optional[str] = None,
          **options: Any) -> str:
    """Trains a program of the language, as `anetrain MODEL --data DATA -o OUTPUT` with the options that it has:
    steps=200, lr=1e-3, optimizer="sgd", backend="cpu", set={"layers": 2} .. What it said is returned; when it fails,
    TrainError has it. anetrain: the program, if it is not on the PATH."""
    program = anetrain or os.environ.get("ANETRAIN") or shutil.which("anetrain")
    if not program:
        raise FileNotFoundError("anetrain is not on the PATH; anetrain= or ANETRAIN names it")
    command = [program, os.fspath(model), "--data", os.fspath(data), *_words(options)]
    if output is not None:
        command += ["-o", os.fspath(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise TrainError(done.returncode, done.stderr)
    return done.stdout + done.stderr
