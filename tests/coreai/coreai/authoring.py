"""Modules and programs."""
from ._compiler.dialects import coreai as _dialect
from ._compiler.ir import Wrong


class Module:
    def __init__(self):
        self.graphs, self.verified = [], False

    @staticmethod
    def create():
        return Module()

    def __enter__(self):
        _dialect.MODULES.append(self)
        return self

    def __exit__(self, *failure):
        _dialect.MODULES.pop()

    def verify(self):
        if not self.graphs:
            raise Wrong("a module without a graph")
        for g in self.graphs:
            if g.outputs is None:
                raise Wrong("the graph %s has no outputs" % g.name)
        self.verified = True
        return True


class AIProgram:
    def __init__(self, module):
        if not module.verified:
            raise Wrong("the module was not verified")
        self.module = module
