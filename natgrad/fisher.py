"""Fisher information by independent routes, as a matrix and as a metric (sections 3.2 to 3.5)."""

from __future__ import annotations  # or naming numpy.random in a signature would import it

from typing import TYPE_CHECKING

import numpy as np

from . import arrays
from .family import Estimate, Family, stacked
from .metric import Dense, Metric
from .taylor import numerical_hessian

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def fisher_information(family: Family, theta: ArrayLike) -> np.ndarray:
    """F = E[SSᵀ], the mean outer product of the score, by expectation, from the definition (section 3.4).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (dim,)

    Returns
    -------
    ndarray, shape (dim, dim)

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> fisher_information(Gaussian(), [0, 2]).round(6)
    array([[2.   , 0.   ],
           [0.   , 0.125]])
    """
    theta = _parameters(family, theta)
    unpacked = family._unpack(theta, "theta")
    return family._expect(theta, lambda x: _outer(stacked(family._score(unpacked, x))), "theta")


def fisher_from_hessian(family: Family, theta: ArrayLike) -> np.ndarray:
    """F = −E[H], minus the mean Hessian of ln p, by finite differences that never see the score (section 3.4).

    The two definitions agree where twice differentiating ∫ p_θ may be done under the integral.

    Parameters
    ----------
    family : Family
    theta : array_like, shape (dim,)

    Returns
    -------
    ndarray, shape (dim, dim)

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> fisher_from_hessian(Gaussian(), [0, 2]).round(6) + 0
    array([[2.   , 0.   ],
           [0.   , 0.125]])
    """
    theta = _parameters(family, theta)
    unit = np.array(family._unit(family._unpack(theta, "theta")))
    log_prob = lambda t, x: family._log_prob(family._unpack(t, "theta"), x)
    hessian = lambda x: numerical_hessian(lambda t: log_prob(t, x), theta, unit)
    return -family._expect(theta, hessian, "theta", 1 / np.outer(unit, unit))


def fisher_monte_carlo(family: Family, theta: ArrayLike, size: int, rng: np.random.Generator) -> Estimate:
    """F = E[SSᵀ] estimated from independent draws x ~ p_θ, with its standard error (section 3.5).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (dim,)
    size : int
        The number of draws, at least two.
    rng : numpy.random.Generator

    Returns
    -------
    Estimate
        Two arrays of shape (dim, dim): the mean of SSᵀ and the standard error of each of its entries.

    Examples
    --------
    >>> from natgrad import Bernoulli
    >>> value, error = fisher_monte_carlo(Bernoulli(), [0.6], 10_000, np.random.default_rng(0))
    >>> bool(abs(value - Bernoulli().fisher([0.6])) < 4 * error)
    True
    """
    theta = _parameters(family, theta)
    products = _outer(family.score(theta, family.sample(theta, arrays.count(size, "size", 2), rng)))
    return Estimate(products.mean(axis=0), products.std(axis=0, ddof=1) / np.sqrt(size))


def empirical_fisher(scores: ArrayLike) -> np.ndarray:
    """The mean of SSᵀ over given scores, SᵀS/N.

    It estimates the Fisher matrix at θ only if the data were drawn from p_θ.
    From any other data it is another matrix, and following it is no natural gradient descent [1]_.
    With fewer scores than parameters it is singular.

    Parameters
    ----------
    scores : array_like, shape (N, dim)
        One row for each observation.

    Returns
    -------
    ndarray, shape (dim, dim)

    References
    ----------
    .. [1] F. Kunstner, L. Balles and P. Hennig, Limitations of the empirical Fisher approximation for natural gradient
       descent, Advances in Neural Information Processing Systems 32, 2019.

    Examples
    --------
    >>> empirical_fisher([[1, 0], [0, 2]])
    array([[0.5, 0. ],
           [0. , 2. ]])
    """
    scores = arrays.vector(scores, "scores")
    if scores.ndim != 2:
        raise ValueError(f"`scores` must have one row for each observation, but its shape is {scores.shape}.")
    return scores.T @ scores / len(scores)


def fisher_metric(family: Family, theta: ArrayLike) -> Metric:
    """The metric G = F(θ), under which a small step has length √(2 KL) (section 3.5).

    Parameters
    ----------
    family : Family
    theta : array_like, shape (..., dim)

    Returns
    -------
    Metric

    Examples
    --------
    >>> from natgrad import Gaussian
    >>> fisher_metric(Gaussian(), [0, 1]).solve([1, 1])
    array([1., 2.])
    """
    return Dense(arrays.instance(family, "family", Family).fisher(theta))


def _parameters(family: Family, theta: ArrayLike) -> np.ndarray:
    return arrays.instance(family, "family", Family)._point(theta)


def _outer(scores: np.ndarray) -> np.ndarray:
    return scores[..., :, None] * scores[..., None, :]
