"""Which way is up, when steps have prices: directional derivatives and natural gradients (sections 1 and 2.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import arrays
from .metric import Metric
from .norms import Norm


def directional_derivative(gradient: ArrayLike, u: ArrayLike, norm: Norm) -> np.ndarray:
    """Slope of a function in the direction u, per unit of length: uᵀ∇f / ‖u‖, shape (...) (sections 1.1 and 1.2).

    Parameters
    ----------
    gradient, u : array_like, shape (..., n)
        ∇f, and the direction, refused if it is zero; for `Spectral` of shape (..., m, n).
    norm : Norm
        What a unit of length is; any `Metric` is a norm.

    Examples
    --------
    >>> from natgrad import euclidean
    >>> directional_derivative([0, 3], [3, 4], euclidean(2)).round(12)
    np.float64(2.4)
    """
    axes = arrays.instance(norm, "norm", Norm)._last

    def slope(g, u):
        length = arrays.in_range(np.asarray(norm._norm(u)), "u")
        return (g * (u / np.expand_dims(length, axes))).sum(axis=axes)

    try:
        return norm._paired(slope, lambda g, u: norm._dual_norm(g), gradient=gradient, u=u)
    except ValueError:
        _refuse_zero(norm, "direction", u=u)
        raise


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
    return metric._checked(metric._solve, 1, gradient=gradient)


def steepest_direction(gradient: ArrayLike, norm: Norm) -> np.ndarray:
    """The step of length one along which f climbs fastest; in a metric, G⁻¹∇f / ‖∇f‖* (sections 1.2 and 2.4).

    That is the u with ‖u‖ = 1, of the shape of `gradient`, that maximises uᵀ∇f; the maximum is
    `norm.dual_norm(gradient)`. In a metric it is unique; where it isn't, the norm says which one is returned.

    Parameters
    ----------
    gradient : array_like, shape (..., n)
        ∇f at the point of evaluation; for `Spectral` of shape (..., m, n). If it is zero, every direction is as steep
        as any other, and a `ValueError` says so.
    norm : Norm
        What a step of length one is; any `Metric` is a norm.

    Examples
    --------
    >>> from natgrad import Gaussian, PNorm, fisher_metric, from_covariance
    >>> steepest_direction([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([1., 2.])
    >>> steepest_direction([1, 3, -3], PNorm(1))
    array([ 0. ,  0.5, -0.5])

    The step that costs a given divergence ε, up to third order, is √(2ε) long in the Fisher metric:

    >>> theta, eps = np.array([0, 1]), 1e-4
    >>> step = np.sqrt(2 * eps) * steepest_direction([1, 2], fisher_metric(Gaussian(), theta))
    >>> round(Gaussian().kl(theta, theta + step).item() / eps, 2)
    0.99
    """
    arrays.instance(norm, "norm", Norm)
    try:
        return norm._checked(norm._steepest, norm._axes, True, gradient=gradient)
    except ValueError:
        _refuse_zero(norm, "steepest direction", gradient=gradient)
        raise


def _refuse_zero(norm: Norm, lacking: str, **value) -> None:
    ((name, v),) = zip(value, norm._vectors(**value), strict=True)
    zero = ~v.any(axis=norm._last)
    if zero.any():
        many = f"{np.count_nonzero(zero)} of its {zero.size} vectors are zero and have"
        found = "it is zero and has" if zero.ndim == 0 else many
        raise ValueError(f"`{name}` must not be zero, but {found} no {lacking}.") from None
