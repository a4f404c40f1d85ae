"""Natural gradients, Mahalanobis metrics and Fisher information, small enough to read.

A `Metric` measures small steps, a `Family` maps parameters to densities, `fisher_metric` makes the one from the other.
Section numbers in the docstrings are those of Madsen's note, which the book in `chapters/` follows.
Arrays follow the habit of `numpy.linalg`: the last axis holds the coordinates, leading axes broadcast.
"""

from .coordinates import gaussian_mean_log_scale, gaussian_mean_scale, gaussian_natural, reparametrize
from .discrete import Bernoulli, Categorical, Poisson, Softmax
from .divergence import chi2_divergence, kl_divergence, kl_series
from .family import Family
from .fisher import EmpiricalFisher, empirical_fisher, fisher_information, fisher_metric, fisher_monte_carlo
from .gaussian import Gaussian, MultivariateGaussian
from .large import Kronecker, LowRank, MatrixFree
from .mahalanobis import Diagonal, Dual, euclidean, from_covariance, from_frame, from_scores
from .metric import Dense, Metric
from .norms import Norm, PNorm, Spectral
from .steepest import directional_derivative, natural_gradient, steepest_direction
from .taylor import numerical_gradient, numerical_hessian, observed_order

__version__ = "0.2.0"

# fmt: off
__all__ = [
    "Bernoulli", "Categorical", "Dense", "Diagonal", "Dual", "EmpiricalFisher", "Family", "Gaussian", "Kronecker",
    "LowRank", "MatrixFree", "Metric", "MultivariateGaussian", "Norm", "PNorm", "Poisson", "Softmax", "Spectral",
    "chi2_divergence", "directional_derivative", "empirical_fisher", "euclidean", "fisher_information", "fisher_metric",
    "fisher_monte_carlo", "from_covariance", "from_frame", "from_scores", "gaussian_mean_log_scale",
    "gaussian_mean_scale", "gaussian_natural", "kl_divergence", "kl_series", "natural_gradient", "numerical_gradient",
    "numerical_hessian", "observed_order", "reparametrize", "steepest_direction",
]
