"""Which way is up, when steps have prices: directional derivatives and natural gradients (sections 1 and 2.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from .metric import Metric, _root
from .norms import Norm


def directional_derivative(gradient: ArrayLike, u: ArrayLike, norm: Metric | Norm) -> np.ndarray:
    """Slope of a function in the direction u, per unit of length: uᵀ∇f / ‖u‖, shape (...) (sections 1.1 and 1.2).

    Parameters
    ----------
    gradient, u : array_like, shape (..., n)
        ∇f, and the direction, refused if it is zero; for `Spectral` of shape (..., m, n).
    norm : Metric or Norm
        What a unit of length is.

    Examples
    --------
    >>> from natgrad import euclidean
    >>> directional_derivative([0, 3], [3, 4], euclidean(2)).round(12)
    np.float64(2.4)
    """
    gradient, u = arrays.instance(norm, "norm", Metric, Norm)._vectors(gradient=gradient, u=u)
    axes = _refuse_zero(u, "u", "direction", norm)
    u = np.ldexp(u, -arrays.exponents(u, axes))  # which changes no direction
    with np.errstate(all="ignore"):
        slopes = (gradient * (u / np.expand_dims(norm.norm(u), axes))).sum(axis=axes)
        return arrays.in_range(slopes, "gradient", "u")


def natural_gradient(gradient: ArrayLike, metric: Metric) -> np.ndarray:
    """The natural gradient G⁻¹∇f, shape (..., n), not normalised (sections 2.4 and 3.5).

    Parameters
    ----------
    gradient : array_like, shape (..., n)
        ∇f at the point of evaluation.
    metric : Metric
        G; for the Mahalanobis metric of Σ the result is Σ∇f.

    Examples
    --------
    >>> from natgrad import from_covariance
    >>> natural_gradient([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([ 6., 12.])
    """
    arrays.instance(metric, "metric", Metric)
    return metric._checked(metric._solve, gradient=gradient)


def steepest_direction(gradient: ArrayLike, norm: Metric | Norm) -> np.ndarray:
    """The step of length one along which f climbs fastest; in a metric, G⁻¹∇f / ‖∇f‖* (sections 1.2 and 2.4).

    That is the u with ‖u‖ = 1, of the shape of `gradient`, that maximises uᵀ∇f; the maximum is
    `norm.dual_norm(gradient)`. In a metric it is unique; where it isn't, the norm says which one is returned.

    Parameters
    ----------
    gradient : array_like, shape (..., n)
        ∇f at the point of evaluation; for `Spectral` of shape (..., m, n). If it is zero, every direction is as steep
        as any other, and a `ValueError` says so.
    norm : Metric or Norm
        What a step of length one is.

    Examples
    --------
    >>> from natgrad import PNorm, from_covariance
    >>> steepest_direction([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([1., 2.])
    >>> steepest_direction([1, 3, -3], PNorm(1))
    array([ 0. ,  0.5, -0.5])
    """
    (gradient,) = arrays.instance(norm, "norm", Metric, Norm)._vectors(gradient=gradient)
    _refuse_zero(gradient, "gradient", "steepest direction", norm)
    if isinstance(norm, Norm):
        return norm._checked(norm._steepest, gradient=gradient)
    direction = lambda g: norm._solve(g) / _root(norm._squared_dual_norm, g)[..., None]
    return norm._checked(direction, gradient=np.ldexp(gradient, -arrays.exponents(gradient)))


def _refuse_zero(v: np.ndarray, name: str, lacking: str, norm: Metric | Norm) -> tuple[int, ...]:
    """Return the axes of the coordinates, if they aren't all zero."""
    axes = (-2, -1)[-getattr(norm, "_axes", 1) :]
    zero = ~v.any(axis=axes)
    if zero.any():
        many = f"{np.count_nonzero(zero)} of its {zero.size} vectors are zero and have"
        found = "it is zero and has" if zero.ndim == 0 else many
        raise ValueError(f"`{name}` must not be zero, but {found} no {lacking}.")
    return axes
