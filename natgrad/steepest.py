"""Which way is up, when steps have prices: directional derivatives and natural gradients (sections 1 and 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import arrays
from .metric import Metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def directional_derivative(gradient: ArrayLike, u: ArrayLike, metric: Metric) -> np.ndarray:
    """Slope of a function in the direction u, per unit of the metric: uᵀ∇f / ‖u‖ (sections 1.1 and 1.2).

    Parameters
    ----------
    gradient : array_like, shape (..., n)
        ∇f at the point of evaluation.
    u : array_like, shape (..., n)
        The direction, of any length but zero.
    metric : Metric
        What a unit of length is.

    Returns
    -------
    ndarray, shape (...)
        In units of f per unit of the metric.

    Raises
    ------
    ValueError
        If a direction is zero or the shapes don't fit.

    Examples
    --------
    >>> from natgrad import euclidean
    >>> directional_derivative([0, 3], [3, 4], euclidean(2)).round(12)
    np.float64(2.4)
    """
    gradient, u = arrays.instance(metric, "metric", Metric)._vectors(gradient=gradient, u=u)
    _refuse_zero(u, "u", "direction")
    return np.vecdot(gradient, u / metric.norm(u)[..., None])


def natural_gradient(gradient: ArrayLike, metric: Metric) -> np.ndarray:
    """The natural gradient G⁻¹∇f, not normalised (sections 2.4 and 3.5).

    Parameters
    ----------
    gradient : array_like, shape (..., n)
        ∇f at the point of evaluation.
    metric : Metric
        G; for the Mahalanobis metric of Σ the result is Σ∇f.

    Returns
    -------
    ndarray, shape (..., n)

    Examples
    --------
    >>> from natgrad import from_covariance
    >>> natural_gradient([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([ 6., 12.])
    """
    (gradient,) = arrays.instance(metric, "metric", Metric)._vectors(gradient=gradient)
    return metric.solve(gradient)


def steepest_direction(gradient: ArrayLike, metric: Metric) -> np.ndarray:
    """The step of length one, in the metric, along which f climbs fastest: G⁻¹∇f / ‖∇f‖* (sections 1.2 and 2.4).

    Parameters
    ----------
    gradient : array_like, shape (..., n)
        ∇f at the point of evaluation, not zero.
    metric : Metric
        What a step of length one is.

    Returns
    -------
    ndarray, shape (..., n)
        The unique u with ‖u‖ = 1 that maximises uᵀ∇f; the maximum is `metric.dual_norm(gradient)`.

    Raises
    ------
    ValueError
        If a gradient is zero: at a critical point every direction is as steep as any other.

    Examples
    --------
    >>> from natgrad import from_covariance
    >>> steepest_direction([0, 3], from_covariance([[5, 2], [2, 4]]))
    array([1., 2.])
    """
    (gradient,) = arrays.instance(metric, "metric", Metric)._vectors(gradient=gradient)
    _refuse_zero(gradient, "gradient", "steepest direction")
    return metric.solve(gradient) / metric.dual_norm(gradient)[..., None]


def _refuse_zero(v: np.ndarray, name: str, lacking: str) -> None:
    zero = ~v.any(axis=-1)
    if zero.any():
        many = f"{np.count_nonzero(zero)} of its {zero.size} vectors are zero and have"
        found = "it is zero and has" if zero.ndim == 0 else many
        raise ValueError(f"`{name}` must not be zero, but {found} no {lacking}.")
