"""Which way is up, when steps have prices: directional derivatives and natural gradients (sections 1 and 2.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from .metric import Metric
from .norms import Norm


def directional_derivative(gradient: ArrayLike, u: ArrayLike, norm: Norm) -> np.ndarray:
    """Slope of a function in the direction u, per unit of length: uᵀ∇f / ‖u‖, shape (...) (sections 1.1 and 1.2).

    `gradient` and direction `u`, not zero, have shape (..., n), and for `Spectral` (..., m, n); any `Metric` is a norm.

    >>> directional_derivative([0, 3], [3, 4], euclidean(2)).round(12)
    np.float64(2.4)
    """
    gradient, u = arrays.instance(norm, "norm", Norm)._vectors(gradient=gradient, u=u)
    _refuse_zero(norm, "u", u, "direction")
    axes = norm._last
    with np.errstate(all="ignore"):
        length = arrays.in_range(np.asarray(norm._norm(u)), "u", source=lambda: True)
        slopes = np.asarray((gradient * (u / np.expand_dims(length, axes))).sum(axis=axes))
        # A small slope is right across the gradient, but not if the gradient is itself that small.
        lost = lambda: gradient.any(axis=axes) & (norm._dual_norm(gradient) < arrays.LOWEST)
        return arrays.in_range(slopes, "gradient", "u", source=lost)[()]


def natural_gradient(gradient: ArrayLike, metric: Metric) -> np.ndarray:
    """The natural gradient G⁻¹∇f, shape (..., n), not normalised (sections 2.4 and 3.5).

    `gradient` is ∇f, of the same shape; for the Mahalanobis metric of Σ it is Σ∇f.

    >>> natural_gradient([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([ 6., 12.])
    """
    arrays.instance(metric, "metric", Metric)
    return metric._checked(metric._solve, 1, gradient=gradient)


def steepest_direction(gradient: ArrayLike, norm: Norm) -> np.ndarray:
    """The step of length one along which f climbs fastest; in a metric, G⁻¹∇f / ‖∇f‖* (sections 1.2 and 2.4).

    That is the u with ‖u‖ = 1 that maximises uᵀ∇f; the maximum is `norm.dual_norm(gradient)`. In a metric it is unique;
    where it isn't, the norm says which one is returned. A `ValueError` is raised if ∇f is zero: none is steeper.

    >>> steepest_direction([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([1., 2.])

    The step that costs a given divergence ε, up to third order, is √(2ε) long in the Fisher metric:

    >>> theta, eps = np.array([0, 1]), 1e-4
    >>> step = np.sqrt(2 * eps) * steepest_direction([1, 2], fisher_metric(Gaussian(), theta))
    >>> round(Gaussian().kl(theta, theta + step).item() / eps, 2)
    0.99
    """
    (gradient,) = arrays.instance(norm, "norm", Norm)._vectors(gradient=gradient)
    _refuse_zero(norm, "gradient", gradient, "steepest direction")
    return norm._checked(norm._steepest, len(norm._shape), gradient=gradient)


def _refuse_zero(norm: Norm, name: str, v: np.ndarray, lacking: str) -> None:
    zero = ~v.any(axis=norm._last)
    many = f"{np.count_nonzero(zero)} of its {zero.size} vectors are zero and have"
    found = f"{many if zero.ndim else 'it is zero and has'} no {lacking}"
    arrays.must(not zero.any(), name, "not be zero", found)
