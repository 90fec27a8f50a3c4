#!/usr/bin/env python3
"""run.py -- runs a program through libanec with nothing but Python's standard library.

usage: run.py libanec.so MODEL      every fp32 input is filled with 0.5, one whose shape is flexible is made
                                    up in its default shape; results are printed
"""
import ctypes as c
import sys


class Tensor(c.Structure):
    _fields_ = [("dtype", c.c_char_p), ("rank", c.c_int), ("shape", c.c_int64 * 16),
                ("data", c.c_void_p), ("bytes", c.c_size_t)]


class Error(c.Structure):
    _fields_ = [("text", c.c_char * 2048)]


INPUT, RESULT = 0, 1
lib = c.CDLL(sys.argv[1])
lib.anec_how.restype = lib.anec_port.restype = c.c_char_p
error = Error()


def call(name, *args):
    if getattr(lib, "anec_" + name)(*args, c.byref(error)):
        sys.exit("%s: %s" % (name, error.text.decode()))


def ports(kernel, kind):
    tensor, i = Tensor(), 0
    while name := lib.anec_port(kernel, kind, i, c.byref(tensor)):
        yield name, tensor
        i += 1


device, model, kernel = c.c_void_p(), c.c_void_p(), c.c_void_p()
call("open", b"auto", None, c.byref(device))
call("load", device, sys.argv[2].encode(), c.byref(model))
call("compile", model, None, c.byref(kernel))
print(lib.anec_how(kernel).decode())

made = []
for name, port in ports(kernel, INPUT):
    tensor = Tensor()
    if -1 in port.shape[:port.rank]:
        call("tensor_random", kernel, name, c.c_uint64(1), c.byref(tensor))
        call("bind", kernel, name, c.byref(tensor))
        made.append(tensor)  # read at every run
        continue
    call("buffer", kernel, name, c.byref(tensor))
    values = c.cast(tensor.data, c.POINTER(c.c_float))
    for i in range(tensor.bytes // 4):
        values[i] = 0.5
call("run", kernel)
for name, _ in ports(kernel, RESULT):
    tensor = Tensor()
    call("result", kernel, name, c.byref(tensor))
    values = c.cast(tensor.data, c.POINTER(c.c_float))
    print(name.decode(), tensor.dtype.decode(), list(tensor.shape[:tensor.rank]), "%.5f" % values[0])

for tensor in made:
    lib.anec_tensor_free(c.byref(tensor))
lib.anec_free(kernel)
lib.anec_model_free(model)
lib.anec_close(device)
