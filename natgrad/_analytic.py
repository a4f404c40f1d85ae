"""Arrays of complex numbers with which nothing can be done that isn't analytic: so a map of them has a derivative."""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

ANALYTIC = "add subtract multiply divide negative positive power square sqrt reciprocal matmul exp exp2 expm1"
ANALYTIC += " log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh"
ANALYTIC = {getattr(np, name) for name in ANALYTIC.split()}
MOVES = "stack concatenate moveaxis swapaxes transpose reshape ravel squeeze expand_dims broadcast_to sum cumsum prod"
MOVES += " cumprod einsum dot tensordot outer flip roll take repeat tile diff hstack vstack copy zeros_like ones_like"
MOVES = {getattr(np, name) for name in MOVES.split()}


class Analytic(NDArrayOperatorsMixin):
    """An array of complex numbers with which nothing can be done that isn't analytic."""

    def __init__(self, values: np.ndarray):
        self.values = values

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc not in ANALYTIC or method not in ("__call__", "reduce", "accumulate") or "out" in options:
            self._refuse(ufunc.__name__)
        return Analytic(getattr(ufunc, method)(*_bare(inputs), **_bare(options)))

    def __array_function__(self, function, types, inputs, options):
        if function not in MOVES:
            self._refuse(function.__name__)
        found = function(*_bare(inputs), **_bare(options))
        return Analytic(found) if isinstance(found, np.ndarray | np.number) else found

    def __getattr__(self, name):
        if name in ("shape", "ndim", "size", "dtype"):
            return getattr(self.values, name)
        if name in ("T", "mT"):
            return Analytic(getattr(self.values, name))
        if name in ("sum", "prod", "reshape", "copy", "cumsum", "swapaxes", "transpose", "ravel", "squeeze"):
            return lambda *inputs, **options: Analytic(getattr(self.values, name)(*inputs, **options))
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse(name)

    def __getitem__(self, index):
        return Analytic(self.values[index])

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return map(Analytic, self.values)

    def __array__(self, *_, **__):
        self._refuse("array")

    def __float__(self):
        self._refuse("float")

    def __abs__(self):
        self._refuse("abs")

    def _refuse(self, name):
        raise ValueError(f"`coordinates` must map by analytic functions of numpy, but the map uses `{name}`.")


def _bare(value):
    if isinstance(value, (list, tuple)):
        return type(value)(map(_bare, value))
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items()}
    return value.values if isinstance(value, Analytic) else value
