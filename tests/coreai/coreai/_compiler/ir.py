"""Types and values."""
import numpy as np


class Wrong(Exception):
    """What the package would refuse."""


class Element:
    def __init__(self, text, numpy):
        self.text, self.numpy = text, numpy

    def __eq__(self, other):
        return isinstance(other, Element) and self.text == other.text

    def __hash__(self):
        return hash(self.text)

    def __repr__(self):
        return self.text

    @property
    def is_float(self):
        return self.text.startswith("f")


def _element(text, numpy):
    return Element(text, np.dtype(numpy))


class F16Type:
    @staticmethod
    def get():
        return _element("f16", np.float16)


class F32Type:
    @staticmethod
    def get():
        return _element("f32", np.float32)


class IntegerType:
    @staticmethod
    def get_signless(bits):
        if bits != 1:
            raise Wrong("signless integers have one bit here")
        return _element("i1", np.bool_)

    @staticmethod
    def get_signed(bits):
        return _element("si%d" % bits, "int%d" % bits)

    @staticmethod
    def get_unsigned(bits):
        return _element("ui%d" % bits, "uint%d" % bits)


ELEMENTS = [F16Type.get(), F32Type.get(), IntegerType.get_signless(1)] + [
    make(bits) for bits in (8, 16, 32) for make in (IntegerType.get_signed, IntegerType.get_unsigned)]


def element_of(dtype):
    for e in ELEMENTS:
        if e.numpy == np.dtype(dtype):
            return e
    raise Wrong("no tensor has elements of %s" % np.dtype(dtype))


class RankedTensorType:
    def __init__(self, shape, element):
        if not isinstance(element, Element):
            raise Wrong("%r is no element type" % (element,))
        if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape):
            raise Wrong("%r is no shape" % (shape,))
        self.shape, self.element_type = [int(n) for n in shape], element

    @staticmethod
    def get(shape, element):
        return RankedTensorType(shape, element)

    def __eq__(self, other):
        return self.shape == other.shape and self.element_type == other.element_type

    def __repr__(self):
        return "tensor<%s>" % "x".join([str(n) for n in self.shape] + [self.element_type.text])


class Value:
    """A tensor, and its numbers: floats in double, so that nothing is lost before the end."""

    def __init__(self, array, element):
        self.array = np.asarray(array, np.float64 if element.is_float else element.numpy)
        self.type = RankedTensorType(list(self.array.shape), element)
