"""Builds the wheel: the package and libanec, which is built by make first where it is not there. As pip asks for it
(PEP 517), without anything that would have to be downloaded.

usage: backend.py FOLDER      installs the package there without the library, as a package of the system has it"""
import base64
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)


def found(path, pattern):
    with open(path) as f:
        return re.search(pattern, f.read(), re.M).group(1)


def version():
    return found(os.path.join(TOP, "Makefile"), r"^VERSION *:?= *(\S+)")


def summary():
    return found(os.path.join(HERE, "pyproject.toml"), r'^description *= *"(.*)"')


def library():
    """The built library: ANEC_LIBRARY, or that of this checkout."""
    named = os.environ.get("ANEC_LIBRARY")
    if named:
        return named
    path = os.path.join(TOP, "build", "libanec.so")
    subprocess.run(["make", "-s", "-C", TOP, "build/libanec.so"], check=True)
    return path


def modules():
    """Names of the package's own files, and what they hold."""
    folder = os.path.join(HERE, "anec")
    for name in sorted(os.listdir(folder)):
        if name.endswith((".py", ".typed")):
            with open(os.path.join(folder, name), "rb") as f:
                yield "anec/" + name, f.read()


def files():
    """Names in the wheel, and what they hold."""
    yield from modules()
    with open(library(), "rb") as f:
        yield "anec/libanec.so.0", f.read()


def metadata():
    return (f"Metadata-Version: 2.1\nName: anec\nVersion: {version()}\nSummary: {summary()}\nLicense: MIT\n"
            "Requires-Python: >=3.9\nRequires-Dist: numpy\n").encode()


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    tag = f"py3-none-{platform}"
    info = f"anec-{version()}.dist-info"
    wheel = f"Wheel-Version: 1.0\nGenerator: anec\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    every = [*files(), (info + "/METADATA", metadata()), (info + "/WHEEL", wheel)]
    record = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in every) + f"{info}/RECORD,,\n"
    name = f"anec-{version()}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as z:
        for path, data in [*every, (info + "/RECORD", record.encode())]:
            z.writestr(path, data)
    return name


def build_sdist(sdist_directory, config_settings=None):
    raise RuntimeError("anec is built from its checkout: pip install ./python")


def install(folder):
    for name, data in [*modules(), (f"anec-{version()}.dist-info/METADATA", metadata())]:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[-1])
    install(sys.argv[1])
