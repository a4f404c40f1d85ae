"""natgrad beside the libraries that people use for the same jobs: time, memory and digits, in one process.

    python benchmarks/bench.py                       every job, kept in benchmarks/results.json for the book
    python benchmarks/bench.py squared_norms kl      only these jobs; nothing is kept
    python benchmarks/bench.py --quick               every job in sizes too small to mean anything; nothing is kept

Contenders of a case take turns in random order, on one thread and the same data, and must agree before they are timed.
A ratio is the median over the rounds of (a peer's time / natgrad's time), so what else the machine does hits both.
Errors are relative to mpmath at 50 digits or more, at exactly the numbers that a contender was given.
"""

# ruff: noqa: E402
import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import ctypes
import gc
import json
import math
import platform
import subprocess
import sys
import time
import warnings
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import mpmath as mp
import numpy as np
import torch
from ngboost.distns import Normal
from ngboost.manifold import manifold
from ngboost.scores import LogScore
from scipy import integrate, linalg, special, stats
from scipy.spatial.distance import cdist
from sklearn.covariance import EmpiricalCovariance, empirical_covariance
from sklearn.linear_model import Ridge
from torch import distributions
from torch.distributions.multivariate_normal import _batch_mahalanobis

import natgrad as ng

sys.path.insert(0, str(Path(__file__).parents[1] / "page" / "registry"))
from benchmarks import DATA, describe, report

PACKAGES = ("natgrad", "numpy", "scipy", "scikit-learn", "torch", "ngboost", "mpmath")
MIB = 2**20
# Seconds for the rounds of one case, and how many rounds there are in any event and at most.
BUDGET, ROUNDS = 4.0, (5, 100)

torch.set_num_threads(1)
mp.mp.dps = 60
rng = np.random.default_rng(0)
tensor = torch.from_numpy
clock = time.perf_counter


# Measuring


def best_of(run, times=7):
    run()
    found = []
    for _ in range(times):
        start = clock()
        run()
        found.append(clock() - start)
    return min(found)


@cache
def limits():
    """What no program can beat here: (floating-point operations per second, bytes read per second)."""
    square, lines = rng.standard_normal((1000, 1000)), np.ones((2, 10_000_000))
    product = np.empty_like(square)
    multiply = lambda: np.matmul(square, square, out=product)
    return 2e9 / best_of(multiply), lines.nbytes / best_of(lambda: np.dot(*lines))


def peak_memory(run):
    """Peak memory of a call beyond what was there before, in MiB, measured in a forked child; None where that fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # What was freed earlier must not count as free: large arrays come from the system, and go back to it.
            # The first call is for what is touched once, such as the pages of the libraries themselves.
            libc = ctypes.CDLL(None)
            libc.mallopt(-3, 65536)
            run()
            libc.malloc_trim(0)
            gc.disable()
            Path("/proc/self/clear_refs").write_text("5")
            before = status("VmRSS")
            run()
            os.write(writer, repr((status("VmHWM") - before) / 1024).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return float(found) if found else None


def status(field):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def agree(results, tolerance):
    """The contenders do the same job: otherwise their times mean nothing. The reference is a peer's."""
    reference = list(results.values())[-1]
    for name, result in results.items():
        assert result.shape == reference.shape, f"{name}: shape {result.shape}, not {reference.shape}"
        error = np.abs(result - reference).max() / np.abs(reference).max()
        assert error <= tolerance, f"{name} differs by {error:.1e}"


def speed(case, contenders, *, moved, flops=0.0, output=0, tolerance=1e-9):
    """One row of results. `contenders` begins with natgrad; `moved` and `output` are bytes."""
    results, loops = {}, {}
    for name, run in contenders.items():
        start = clock()
        results[name] = np.asarray(run())
        loops[name] = max(1, int(2e-3 / (clock() - start)))
    agree(results, tolerance)
    del results
    times = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    start = clock()
    for done in range(ROUNDS[1]):
        if done >= ROUNDS[0] and clock() - start > BUDGET:
            break
        for name in rng.permutation(list(contenders)):
            run, repeats = contenders[name], range(loops[name])
            begin = clock()
            for _ in repeats:
                run()
            times[name].append((clock() - begin) / len(repeats))
    gc.enable()
    first, *peers = contenders
    rate, bandwidth = limits()
    memory = peak_memory(contenders[first])
    return {
        "case": case,
        "seconds": {name: float(np.median(values)) for name, values in times.items()},
        "ratio": {name: float(np.median(np.divide(times[name], times[first]))) for name in peers},
        "floor": max(moved / bandwidth, flops / rate),
        "memory": None if memory is None else max(memory, 0.0),
        "output": output / MIB,
        "rounds": len(times[first]),
    }


def power(n):
    """100000 as 10⁵, 300000 as 3·10⁵, 1500 as 1500."""
    digits = str(n).rstrip("0")
    zeros = len(str(n)) - len(digits)
    if zeros < 3 or len(digits) > 1:
        return str(n)
    return (
        ("" if digits == "1" else f"{digits}·") + "10" + str(zeros).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    )


def positive_definite(*shape):
    *batch, n = shape
    frame = rng.standard_normal((*batch, n, 2 * n))
    return frame @ frame.mT / (2 * n)


def relative(found, exact):
    """The largest error of an array, relative to the largest exact entry; None where there is no number."""
    errors = [abs(mp.mpf(float(a)) - b) for a, b in zip(np.ravel(found), exact, strict=True)]
    error = float(max(errors) / max(abs(b) for b in exact))
    return error if math.isfinite(error) else None


def exactly(array):
    return mp.matrix(np.asarray(array, dtype=float).tolist())


# How natgrad spells it, where it is more than a call


def from_rewards(scores, damping, rewards):
    return ng.LowRank(scores, damping).solve_rewards(rewards)


def streamed(family, theta, x):
    return ng.fisher_from_data(family, theta, x)


def multivariate(mean, precision):
    """θ of the multivariate Gaussian: mean, and lower triangle of the precision row by row."""
    lower = np.tril_indices(mean.shape[-1])
    return np.concatenate([mean, precision[..., *lower]], axis=-1)


# The jobs


def squared_norms(n, d):
    cov = positive_definite(d)
    v = rng.standard_normal((n, d)) @ np.linalg.cholesky(cov).T
    origin, t_cov, t_v = np.zeros((1, d)), tensor(cov), tensor(v)
    sklearn_estimate = EmpiricalCovariance(assume_centered=True)
    sklearn_estimate.location_ = np.zeros(d)

    def sklearn():
        sklearn_estimate.precision_ = np.linalg.inv(cov)
        return sklearn_estimate.mahalanobis(v)

    def triangular():
        white = linalg.solve_triangular(np.linalg.cholesky(cov), v.T, lower=True, check_finite=False)
        return np.einsum("in,in->n", white, white)

    contenders = {
        "natgrad": lambda: ng.from_covariance(cov).squared_norm(v),
        "scipy cdist": lambda: cdist(v, origin, "mahalanobis", VI=np.linalg.inv(cov))[:, 0] ** 2,
        "scikit-learn": sklearn,
        "torch": lambda: _batch_mahalanobis(torch.linalg.cholesky(t_cov), t_v),
        "numpy inverse": lambda: np.einsum("ni,ni->n", v @ np.linalg.inv(cov), v),
        "scipy triangular": triangular,
    }
    return speed(f"{power(n)} × {d}", contenders, moved=8 * n * (d + 1), flops=n * d * d, output=8 * n)


def natural_gradient(d):
    tensor_f, g = positive_definite(d), rng.standard_normal(d)
    t_f, t_g = tensor(tensor_f), tensor(g)
    contenders = {
        "natgrad": lambda: ng.natural_gradient(g, ng.Dense(tensor_f)),
        "scipy solve": lambda: linalg.solve(tensor_f, g, assume_a="pos"),
        "scipy cho_solve": lambda: linalg.cho_solve(linalg.cho_factor(tensor_f), g),
        "torch": lambda: torch.cholesky_solve(t_g[:, None], torch.linalg.cholesky(t_f))[:, 0],
        "numpy solve": lambda: np.linalg.solve(tensor_f, g),
    }
    return speed(f"d = {d}", contenders, moved=8 * d * d, flops=d**3 / 3, output=8 * d, tolerance=1e-7)


def natural_gradient_again(d):
    tensor_f, g = positive_definite(d), rng.standard_normal(d)
    metric, factor = ng.Dense(tensor_f), linalg.cho_factor(tensor_f)
    t_factor, t_g = torch.linalg.cholesky(tensor(tensor_f)), tensor(g)
    metric.solve(g)
    contenders = {
        "natgrad": lambda: ng.natural_gradient(g, metric),
        "torch": lambda: torch.cholesky_solve(t_g[:, None], t_factor)[:, 0],
        "scipy cho_solve": lambda: linalg.cho_solve(factor, g),
    }
    return speed(
        f"d = {d}, factored before", contenders, moved=8 * d * d, flops=2 * d * d, output=8 * d, tolerance=1e-7
    )


def batched(n, k):
    tensors, g = positive_definite(n, k), rng.standard_normal((n, k))
    t_f, t_g = tensor(tensors), tensor(g)
    contenders = {
        "natgrad": lambda: ng.natural_gradient(g, ng.Dense(tensors)),
        "torch solve": lambda: torch.linalg.solve(t_f, t_g),
        "torch cholesky": lambda: torch.cholesky_solve(t_g[..., None], torch.linalg.cholesky(t_f))[..., 0],
        "numpy solve": lambda: np.linalg.solve(tensors, g[..., None])[..., 0],
    }
    case = f"{power(n)} of {k} × {k}"
    return speed(case, contenders, moved=8 * n * (k * k + 2 * k), flops=n * k**3 / 3, output=8 * n * k, tolerance=1e-6)


def batched_gaussian(n):
    """The natural gradient of a Gaussian's log-likelihood at n observations, in (μ, ln σ), as boosting asks for it."""
    mean, log_sd, x = rng.standard_normal((3, n))
    family = ng.reparametrize(ng.Gaussian(), ng.gaussian_mean_log_scale)
    theta, boosted = np.stack([mean, log_sd], axis=-1), manifold(LogScore, Normal)
    contenders = {
        "natgrad": lambda: -ng.natural_gradient(family.score(theta, x), ng.fisher_metric(family, theta)),
        "ngboost": lambda: boosted(np.stack([mean, log_sd])).grad(x, natural=True),
    }
    return speed(f"{power(n)} Gaussians", contenders, moved=40 * n, output=16 * n)


def low_rank(d, n, damping=1e-3):
    scores, rewards = rng.standard_normal((n, d)), rng.standard_normal(n)
    t_scores, t_rewards = tensor(scores), tensor(rewards)
    ridge = Ridge(alpha=n * damping, fit_intercept=False, solver="cholesky", copy_X=False)

    def numpy():
        gram = scores @ scores.T
        gram[np.diag_indices(n)] += n * damping
        return scores.T @ np.linalg.solve(gram, rewards)

    def torch_route():
        gram = t_scores @ t_scores.T
        gram.diagonal().add_(n * damping)
        return t_scores.T @ torch.cholesky_solve(t_rewards[:, None], torch.linalg.cholesky(gram))[:, 0]

    contenders = {
        "natgrad": lambda: from_rewards(scores, damping, rewards),
        "torch": torch_route,
        "scikit-learn": lambda: ridge.fit(scores, rewards).coef_,
        "numpy": numpy,
    }
    case = f"d = {power(d)}, N = {n}"
    row = speed(case, contenders, moved=8 * n * d, flops=n * n * d + n**3 / 3, output=8 * d)
    return row | {"beyond N² + 3d": row["memory"] and row["memory"] - 8 * (n * n + 3 * d) / MIB}


def empirical_fisher(n, d):
    scores = rng.standard_normal((n, d))
    t_scores = tensor(scores)
    contenders = {
        "natgrad": lambda: ng.empirical_fisher(scores),
        "torch": lambda: t_scores.T @ t_scores / n,
        "scikit-learn": lambda: empirical_covariance(scores, assume_centered=True),
        "numpy SᵀS": lambda: scores.T @ scores / n,
    }
    return speed(f"{power(n)} × {d}", contenders, moved=8 * n * d, flops=n * d * d, output=8 * d * d)


def streamed_fisher(n):
    family, theta, x = ng.Gaussian(), np.array([0.3, 1.7]), rng.standard_normal(n)
    t_theta, t_x = tensor(theta), tensor(x)

    def log_prob(t, one):
        return 0.5 * (torch.log(t[1]) - t[1] * (one - t[0]) ** 2)

    def torch_route():
        scores = torch.func.vmap(torch.func.grad(log_prob), (None, 0))(t_theta, t_x)
        return scores.T @ scores / n

    def numpy():
        scores = np.stack([theta[1] * (x - theta[0]), 0.5 / theta[1] - 0.5 * (x - theta[0]) ** 2], axis=-1)
        return scores.T @ scores / n

    contenders = {
        "natgrad": lambda: streamed(family, theta, x),
        "torch.func": torch_route,
        "numpy": numpy,
    }
    return speed(f"{power(n)} observations", contenders, moved=8 * n, output=32)


def kl_gaussian(n, spread):
    mean0 = rng.standard_normal(n)
    mean1 = mean0 + spread * rng.standard_normal(n)
    sd0 = np.exp(0.3 * rng.standard_normal(n))
    sd1 = sd0 * np.exp(spread * rng.standard_normal(n))
    theta0, theta1 = np.stack([mean0, sd0**-2], axis=-1), np.stack([mean1, sd1**-2], axis=-1)
    t_mean0, t_sd0, t_mean1, t_sd1 = map(tensor, (mean0, sd0, mean1, sd1))
    normal = partial(distributions.Normal, validate_args=False)
    contenders = {
        "natgrad": lambda: ng.Gaussian().kl(theta0, theta1),
        "torch": lambda: distributions.kl_divergence(normal(t_mean0, t_sd0), normal(t_mean1, t_sd1)),
        "numpy textbook": lambda: np.log(sd1 / sd0) + (sd0**2 + (mean0 - mean1) ** 2) / (2 * sd1**2) - 0.5,
    }
    return speed(f"{power(n)} pairs, {spread:g} apart", contenders, moved=40 * n, output=8 * n, tolerance=1e-8)


def kl_multivariate(n, d):
    mean0, mean1 = rng.standard_normal((2, n, d))
    precision0, precision1 = positive_definite(2, n, d)
    theta0, theta1 = multivariate(mean0, precision0), multivariate(mean1, precision1)
    cov0, cov1 = np.linalg.inv([precision0, precision1])
    cov0, cov1 = (cov0 + cov0.mT) / 2, (cov1 + cov1.mT) / 2
    t_mean0, t_mean1, t_cov0, t_cov1 = map(tensor, (mean0, mean1, cov0, cov1))
    normal = partial(distributions.MultivariateNormal, validate_args=False)

    def numpy():
        trace = np.trace(np.linalg.solve(cov1, cov0), axis1=-2, axis2=-1)
        step = mean1 - mean0
        square = np.vecdot(step, np.linalg.solve(cov1, step[..., None])[..., 0])
        return 0.5 * (trace + square - d + np.linalg.slogdet(cov1)[1] - np.linalg.slogdet(cov0)[1])

    contenders = {
        "natgrad": lambda: ng.MultivariateGaussian(d).kl(theta0, theta1),
        "torch": lambda: distributions.kl_divergence(normal(t_mean0, t_cov0), normal(t_mean1, t_cov1)),
        "numpy textbook": numpy,
    }
    case = f"{power(n)} pairs in {d} dimensions"
    return speed(case, contenders, moved=16 * n * (d * d + d), flops=n * d**3, output=8 * n, tolerance=1e-6)


def kl_categorical(n, k):
    p, q = rng.dirichlet(np.full(k, 5.0), (2, n))
    t_p, t_q = tensor(p), tensor(q)
    categorical = partial(distributions.Categorical, validate_args=False)
    contenders = {
        "natgrad": lambda: ng.Categorical(k).kl(p[:, 1:], q[:, 1:]),
        "torch": lambda: distributions.kl_divergence(categorical(t_p), categorical(t_q)),
        "scipy rel_entr": lambda: special.rel_entr(p, q).sum(axis=-1),
    }
    return speed(f"{power(n)} pairs of {k} outcomes", contenders, moved=16 * n * k, output=8 * n)


def cost_law(what, sizes):
    """How time and memory grow with the number of observations."""
    run, output = GROWTH[what](sizes[-1])
    few, many = sizes[0], sizes[-1]
    runs = {n: partial(run, n) for n in sizes}
    seconds = {n: [] for n in sizes}
    for _ in range(ROUNDS[0] + 1):
        for n in rng.permutation(sizes):
            start = clock()
            for _ in range(max(1, many // (10 * int(n)))):
                runs[n]()
            seconds[n].append((clock() - start) / max(1, many // (10 * int(n))))
    median = {n: float(np.median(values[1:])) for n, values in seconds.items()}
    extra = {n: peak_memory(runs[n]) for n in sizes}
    flat = None if None in extra.values() else max(extra[n] - output * n / MIB for n in sizes)
    return {
        "case": what,
        "seconds": {f"{power(n)}": median[n] for n in sizes},
        "time per item, most over least": median[many] / many / (median[few] / few),
        "memory beyond the result": flat,
    }


def grown_norms(n):
    metric, v = ng.from_covariance(positive_definite(5)), rng.standard_normal((n, 5))
    return lambda m: metric.squared_norm(v[:m]), 8


def grown_fisher(n):
    x = rng.standard_normal(n)
    return lambda m: streamed(ng.Gaussian(), [0.3, 1.7], x[:m]), 0


GROWTH = {"squared norms": grown_norms, "streamed Fisher": grown_fisher}


def import_time(rounds):
    """Milliseconds to import a library where numpy is there already; each in a Python of its own, in turn."""
    # Bytecode is kept, whatever the settings here, as it is for whoever has installed the package.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    modules = ("natgrad", "scipy.linalg", "scipy.stats", "sklearn.covariance", "torch", "ngboost")
    found = {module: [] for module in modules}
    for _ in range(rounds + 1):
        for module in rng.permutation(modules):
            program = f"import numpy, time; start = time.perf_counter(); import {module}; "
            program += "print(time.perf_counter() - start)"
            command = [sys.executable, "-W", "ignore", "-c", program]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            found[module].append(float(run.stdout))
    seconds = {module: float(np.median(values[1:])) for module, values in found.items()}
    return {"case": "import", "seconds": seconds, "milliseconds over numpy": 1000 * seconds["natgrad"]}


# Digits

DISTANCES = [*np.logspace(-9, -1, 9).tolist(), 0.3, 1.0, 3.0, 10.0]


def kl_digits(name, directions=3):
    """The worst error of the divergence at each distance, over a few directions."""
    errors = {}
    for k, distance in enumerate(DISTANCES):
        for _ in range(directions):
            for who, (run, exact) in CLOSE[name](distance).items():
                worst = errors.setdefault(who, [0.0] * len(DISTANCES))
                error = relative(run(), [exact])
                worst[k] = None if error is None or worst[k] is None else max(worst[k], error)
    return {"case": name, "distance": DISTANCES, "error": errors}


def direction(n):
    return rng.choice([-1, 1], n) * rng.uniform(0.5, 1, n)


def by_torch(kind, first, second):
    first, second = ([tensor(np.asarray(value, dtype=float)) for value in values] for values in (first, second))
    # Checked as a user would have it; torch computes float64 from float64.
    return lambda: distributions.kl_divergence(kind(*first), kind(*second)).numpy()


def close_probabilities(p, q):
    """Distributions over a few outcomes: all of their probabilities, or natgrad's θ, all but the first."""
    exact = mp.fsum(mp.mpf(a) * mp.log(mp.mpf(a) / mp.mpf(b)) for a, b in zip(p, q, strict=True))
    kind, first, second = distributions.Categorical, [p], [q]
    if len(p) == 2:
        kind, first, second = distributions.Bernoulli, p[1:], q[1:]
    return {
        "natgrad": (lambda: ng.Categorical(len(p)).kl(p[1:], q[1:]), exact),
        "torch": (by_torch(kind, first, second), exact),
        "scipy": (lambda: special.rel_entr(p, q).sum(), exact),
    }


def outcomes(p, distance):
    """Probabilities near p whose sum is one to the last bit."""
    q = p * np.exp(distance * direction(p.size))
    q = np.round(q / q.sum() * 2**52) / 2**52
    q[0] += 1 - math.fsum(q)
    return q


def close_positive(family, theta, kind, exact, distance):
    moved = np.multiply(theta, np.exp(distance * direction(len(theta))))
    exact = exact(*map(mp.mpf, theta), *map(mp.mpf, moved))
    return {
        "natgrad": (lambda: family.kl(theta, moved), exact),
        "torch": (by_torch(kind, theta, moved), exact),
    }


def close_gaussian(distance):
    mean0, sd0 = 0.7, 1.3
    step, growth = distance * direction(2)
    mean1, sd1 = mean0 + sd0 * step, sd0 * math.exp(growth / 2)
    tau0, tau1 = sd0**-2, sd1**-2

    def exact(variance_ratio, square):
        return (variance_ratio - 1 - mp.log(variance_ratio) + square) / 2

    square = (mp.mpf(mean0) - mp.mpf(mean1)) ** 2
    from_tau = exact(mp.mpf(tau1) / tau0, tau1 * square)
    from_sd = exact((mp.mpf(sd0) / sd1) ** 2, square / mp.mpf(sd1) ** 2)
    return {
        "natgrad": (lambda: ng.Gaussian().kl([mean0, tau0], [mean1, tau1]), from_tau),
        "torch": (by_torch(distributions.Normal, (mean0, sd0), (mean1, sd1)), from_sd),
    }


def close_multivariate(distance, d=5):
    mean0, precision0 = rng.standard_normal(d), positive_definite(d)
    mean1, scale = mean0 + distance * direction(d), np.exp(distance * direction(d) / 2)
    lower = np.tril(precision0 * scale * scale[:, None])
    precision1 = lower + np.tril(lower, -1).T
    exact0, exact1, step = exactly(precision0), exactly(precision1), exactly(mean1) - exactly(mean0)
    ratio = exact1 * exact0**-1
    trace = mp.fsum(ratio[i, i] for i in range(d))
    exact = (trace - d - mp.log(mp.det(ratio)) + (step.T * exact1 * step)[0]) / 2
    normal = lambda mean, precision: distributions.MultivariateNormal(mean, precision_matrix=precision)
    return {
        "natgrad": (
            lambda: ng.MultivariateGaussian(d).kl(multivariate(mean0, precision0), multivariate(mean1, precision1)),
            exact,
        ),
        "torch": (by_torch(normal, (mean0, precision0), (mean1, precision1)), exact),
    }


def kl_poisson(rate0, rate1):
    return rate1 - rate0 + rate0 * mp.log(rate0 / rate1)


def kl_exponential(rate0, rate1):
    return rate1 / rate0 - 1 - mp.log(rate1 / rate0)


def kl_gamma(shape0, rate0, shape1, rate1):
    normalisers = mp.loggamma(shape1) - mp.loggamma(shape0) + shape1 * mp.log(rate0 / rate1)
    return (shape0 - shape1) * mp.psi(0, shape0) + normalisers + shape0 * (rate1 - rate0) / rate0


def kl_beta(a0, b0, a1, b1):
    log_beta = lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    linear = (a0 - a1) * mp.psi(0, a0) + (b0 - b1) * mp.psi(0, b0) + (a1 + b1 - a0 - b0) * mp.psi(0, a0 + b0)
    return log_beta(a1, b1) - log_beta(a0, b0) + linear


def close_student(distance, dof=3):
    mean0, sd0 = 0.7, 1.3
    step, growth = distance * direction(2)
    mean1, sd1 = mean0 + sd0 * step, sd0 * math.exp(growth / 2)
    t = partial(stats.t.logpdf, df=dof)

    def definition(x):
        first, second = t(x, loc=mean0, scale=sd0), t(x, loc=mean1, scale=sd1)
        return math.exp(first) * (first - second)

    # With x = μ₀ + σ₀ √ν tan φ the density of φ is proportional to cos(φ)^(ν − 1).
    gap, root = mp.mpf(mean0) - mp.mpf(mean1), mp.sqrt(dof)
    constant = mp.gamma((dof + 1) / mp.mpf(2)) / mp.gamma(dof / mp.mpf(2)) / mp.sqrt(mp.pi)

    def integrand(phi):
        z = (gap + sd0 * root * mp.tan(phi)) / (sd1 * root)
        ratio = mp.log(mp.mpf(sd1) / sd0) + (dof + 1) * (mp.log1p(z**2) - mp.log1p(mp.tan(phi) ** 2)) / 2
        return mp.cos(phi) ** (dof - 1) * ratio

    ends = sorted({-mp.pi / 2, mp.atan(-gap / (sd0 * root)), mp.mpf(0), mp.pi / 2})
    exact = constant * mp.quad(integrand, ends, maxdegree=8)
    return {
        "natgrad": (lambda: ng.StudentT(dof).kl([mean0, sd0], [mean1, sd1]), exact),
        "scipy": (lambda: integrate.quad(definition, -math.inf, math.inf)[0], exact),
    }


COIN, DIE = np.array([0.625, 0.375]), np.array([0.5, 0.25, 0.125, 0.125])
CLOSE = {
    "Bernoulli": lambda distance: close_probabilities(COIN, outcomes(COIN, distance)),
    "Categorical": lambda distance: close_probabilities(DIE, outcomes(DIE, distance)),
    "Gaussian": close_gaussian,
    "MultivariateGaussian": close_multivariate,
    "Poisson": lambda distance: close_positive(ng.Poisson(), [3.5], distributions.Poisson, kl_poisson, distance),
    "Exponential": lambda distance: close_positive(
        ng.Exponential(), [0.8], distributions.Exponential, kl_exponential, distance
    ),
    "Gamma": lambda distance: close_positive(ng.Gamma(), [2.5, 1.5], distributions.Gamma, kl_gamma, distance),
    "Beta": lambda distance: close_positive(ng.Beta(), [2.5, 0.7], distributions.Beta, kl_beta, distance),
    "StudentT": close_student,
}


def digits(case, contenders, exact):
    """The error of each contender; None for one that gives up, or gives no number."""
    errors = {}
    for name, run in contenders.items():
        try:
            errors[name] = relative(run(), exact)
        except (np.linalg.LinAlgError, RuntimeError, ValueError) as error:
            print(f"  {case}: {name} gives up: {error}")
            errors[name] = None
    return {"case": case, "error": errors}


def norm_contenders(cov, v):
    t_cov, t_v = tensor(cov), tensor(v)
    return {
        "natgrad": lambda: ng.from_covariance(cov).squared_norm(v),
        "scipy cdist": lambda: cdist(v[None], np.zeros((1, v.size)), "mahalanobis", VI=np.linalg.inv(cov)) ** 2,
        "torch": lambda: _batch_mahalanobis(torch.linalg.cholesky(t_cov), t_v).numpy(),
        "numpy inverse": lambda: v @ np.linalg.inv(cov) @ v,
    }


def with_condition(d, condition):
    axes, _ = np.linalg.qr(rng.standard_normal((d, d)))
    matrix = (axes * np.geomspace(1, 1 / condition, d)) @ axes.T
    return (matrix + matrix.T) / 2, axes


def hard_norm(case, d=6):
    if case == "condition 1e12, along the long axis":
        cov, axes = with_condition(d, 1e12)
        v = axes[:, 0].copy()
    else:
        units = 10.0 ** rng.permutation(np.linspace(-8, 8, d))
        cov, v = positive_definite(d) * units * units[:, None], units * rng.standard_normal(d)
    exact = (exactly(v).T * mp.lu_solve(exactly(cov), exactly(v)))[0]
    return digits(f"squared norm, {case}", norm_contenders(cov, v), [exact])


def hard_frame(condition, d=6):
    frame = (np.linalg.qr(rng.standard_normal((d, d)))[0] * np.geomspace(1, 1 / condition, d)) @ with_condition(d, 1)[1]
    v = rng.standard_normal(d)
    exact = mp.fsum(x**2 for x in mp.lu_solve(exactly(frame), exactly(v)))
    contenders = norm_contenders(frame @ frame.T, v) | {"natgrad": lambda: ng.from_frame(frame).squared_norm(v)}
    return digits(f"squared norm from a frame of condition {condition:.0e}", contenders, [exact])


def hard_solve(condition, d=20):
    matrix, g = with_condition(d, condition)[0], rng.standard_normal(d)
    t_matrix, t_g = tensor(matrix), tensor(g)
    contenders = {
        "natgrad": lambda: ng.Dense(matrix).solve(g),
        "numpy solve": lambda: np.linalg.solve(matrix, g),
        "scipy cho_solve": lambda: linalg.cho_solve(linalg.cho_factor(matrix), g),
        "torch": lambda: torch.cholesky_solve(t_g[:, None], torch.linalg.cholesky(t_matrix))[:, 0].numpy(),
    }
    exact = list(mp.lu_solve(exactly(matrix), exactly(g)))
    return digits(f"natural gradient, condition {condition:.0e}", contenders, exact)


def hard_low_rank(damping, d=40, n=20):
    scores, rewards = rng.standard_normal((n, d)), rng.standard_normal(n)
    t_scores, t_gradient = tensor(scores), tensor(scores.T @ rewards / n)
    gradient = t_gradient.numpy()

    def woodbury():
        gram = scores @ scores.T / n + damping * np.eye(n)
        return (gradient - scores.T @ np.linalg.solve(gram, scores @ gradient) / n) / damping

    def dense():
        factor = torch.linalg.cholesky(t_scores.T @ t_scores / n + damping * torch.eye(d, dtype=torch.float64))
        return torch.cholesky_solve(t_gradient[:, None], factor)[:, 0].numpy()

    contenders = {
        "natgrad": lambda: from_rewards(scores, damping, rewards),
        "numpy Woodbury": woodbury,
        "torch": dense,
        "scikit-learn": lambda: (
            Ridge(alpha=n * damping, fit_intercept=False, solver="cholesky").fit(scores, rewards).coef_
        ),
    }
    gram = exactly(scores) * exactly(scores).T + n * mp.mpf(damping) * mp.eye(n)
    exact = list(exactly(scores).T * mp.lu_solve(gram, exactly(rewards)))
    return digits(f"low rank, damping {damping:.0e}", contenders, exact)


# Fisher information by quadrature: the family, where, its exact matrix, and density and scores for scipy, which are
# made of the functions of `f`: numpy's, or those of `math`, which are faster on single numbers.


def quadrature_gaussian(f, mu=0.3, tau=1.7):
    density = lambda x: f.sqrt(tau / (2 * f.pi)) * f.exp(-0.5 * tau * (x - mu) ** 2)
    scores = [lambda x: tau * (x - mu), lambda x: 0.5 / tau - 0.5 * (x - mu) ** 2]
    exact = [tau, 0, 0, 1 / (2 * mp.mpf(tau) ** 2)]
    return ng.Gaussian(), [mu, tau], exact, density, scores, (-math.inf, math.inf)


def quadrature_exponential(f, rate=0.8):
    density = lambda x: rate * f.exp(-rate * x)
    return ng.Exponential(), [rate], [1 / mp.mpf(rate) ** 2], density, [lambda x: 1 / rate - x], (0, math.inf)


def quadrature_gamma(f, shape=2.5, rate=1.5):
    constant, digamma = math.lgamma(shape), float(special.digamma(shape))
    density = lambda x: rate * f.exp((shape - 1) * f.log(rate * x) - rate * x - constant)
    scores = [lambda x: f.log(rate * x) - digamma, lambda x: shape / rate - x]
    exact = [mp.psi(1, shape), -1 / mp.mpf(rate), -1 / mp.mpf(rate), mp.mpf(shape) / mp.mpf(rate) ** 2]
    return ng.Gamma(), [shape, rate], exact, density, scores, (0, math.inf)


def quadrature_beta(f, a=2.5, b=0.7):
    constant = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    mean_a, mean_b = (float(special.digamma(c) - special.digamma(a + b)) for c in (a, b))
    density = lambda x: f.exp((a - 1) * f.log(x) + (b - 1) * f.log1p(-x) - constant)
    scores = [lambda x: f.log(x) - mean_a, lambda x: f.log1p(-x) - mean_b]
    both = mp.psi(1, mp.mpf(a) + b)
    exact = [mp.psi(1, a) - both, -both, -both, mp.psi(1, b) - both]
    return ng.Beta(), [a, b], exact, density, scores, (0, 1)


def quadrature_student(f, mu=0.3, sigma=1.3, dof=3):
    constant = math.exp(math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2)) / math.sqrt(dof * math.pi) / sigma
    density = lambda x: constant * (1 + ((x - mu) / sigma) ** 2 / dof) ** (-(dof + 1) / 2)
    pull = lambda x: (dof + 1) * (x - mu) / (dof * sigma**2 + (x - mu) ** 2)
    scores = [pull, lambda x: (pull(x) * (x - mu) - 1) / sigma]
    exact = [(dof + k) / ((dof + 3) * mp.mpf(sigma) ** 2) for k in (1, dof)]
    return ng.StudentT(dof), [mu, sigma], [exact[0], 0, 0, exact[1]], density, scores, (-math.inf, math.inf)


QUADRATURE = {
    "Gaussian": quadrature_gaussian,
    "Exponential": quadrature_exponential,
    "Gamma": quadrature_gamma,
    "Beta": quadrature_beta,
    "StudentT": quadrature_student,
}
# Sums, which scipy has no routine for.
SUMS = {
    "Bernoulli": lambda: (ng.Bernoulli(), [0.3], [1 / (mp.mpf(0.3) * (1 - mp.mpf(0.3)))]),
    "Categorical": lambda: (ng.Categorical(3), [0.5, 0.25], [6, 4, 4, 8]),
    "Poisson": lambda: (ng.Poisson(), [3.5], [1 / mp.mpf(3.5)]),
}


def fisher_error(found, exact):
    """The largest error of an entry, relative to the geometric mean of its two diagonal entries."""
    d = math.isqrt(len(exact))
    scale = lambda k: mp.sqrt(exact[k // d * (d + 1)] * exact[k % d * (d + 1)])
    return float(
        max(abs(mp.mpf(float(a)) - b) / scale(k) for k, (a, b) in enumerate(zip(np.ravel(found), exact, strict=True)))
    )


def quad_matrix(entry, low, high, d):
    found = np.empty((d, d))
    for i in range(d):
        for j in range(i + 1):
            found[i, j] = found[j, i] = integrate.quad(entry, low, high, args=(i, j))[0]
    return found


def by_arrays(name):
    """As people write it: the score is one function, of numpy's, and returns an array."""
    _, theta, _, density, scores, ends = QUADRATURE[name](np)

    def entry(x, i, j):
        score = np.array([component(x) for component in scores])
        return score[i] * score[j] * density(x)

    return lambda: quad_matrix(entry, *ends, len(theta))


def by_numbers(name):
    """As it is fastest: two components of the score for each entry, and plain numbers."""
    _, theta, _, density, scores, ends = QUADRATURE[name](math)
    entry = lambda x, i, j: scores[i](x) * scores[j](x) * density(x)
    return lambda: quad_matrix(entry, *ends, len(theta))


def quadrature(name):
    family, theta, exact, *_ = QUADRATURE[name](math)
    contenders = {
        "natgrad": lambda: ng.fisher_information(family, theta),
        "scipy quad by hand": by_numbers(name),
        "scipy quad": by_arrays(name),
    }
    error = {who: fisher_error(run(), exact) for who, run in contenders.items()}
    return speed(name, contenders, moved=0, tolerance=1e-6) | {"floor": None, "error": error}


def sums(name):
    family, theta, exact = SUMS[name]()
    return {"case": name, "error": {"natgrad": fisher_error(ng.fisher_information(family, theta), exact)}}


# All of it

E5, E6, E7 = 10**5, 10**6, 10**7
JOBS = {
    "squared_norms": [
        *[
            partial(squared_norms, n, d)
            for n, d in ((E6, 2), (E6, 5), (E6, 10), (3 * E5, 32), (E5, 100), (10**4, 1000))
        ],
    ],
    "natural_gradient": [
        *[partial(natural_gradient, d) for d in (10, 100, 1000, 3000)],
        *[partial(natural_gradient_again, d) for d in (10, 100, 1000)],
    ],
    "batched": [*[partial(batched, E5, k) for k in (2, 5, 12, 20)], partial(batched_gaussian, E6)],
    "low_rank": [partial(low_rank, E5, 500)],
    "empirical_fisher": [
        *[partial(empirical_fisher, n, d) for n, d in ((E6, 2), (E6, 10), (2 * E5, 50), (E5, 200), (10**4, 2000))],
        partial(streamed_fisher, E6),
    ],
    "kl": [
        *[partial(kl_gaussian, E6, spread) for spread in (0.3, 0.01)],
        partial(kl_multivariate, E5, 3),
        partial(kl_multivariate, 10**4, 20),
        partial(kl_categorical, 10**4, 100),
    ],
    "quadrature": [*[partial(quadrature, name) for name in QUADRATURE], *[partial(sums, name) for name in SUMS]],
    "kl_digits": [partial(kl_digits, name) for name in CLOSE],
    "hard_cases": [
        *[partial(hard_norm, case) for case in ("condition 1e12, along the long axis", "units 1e16 apart")],
        partial(hard_frame, 1e6),
        *[partial(hard_solve, condition) for condition in (1e8, 1e11)],
        *[partial(hard_low_rank, damping) for damping in (1e-2, 1e-10, 1e-14)],
    ],
    "cost_law": [partial(cost_law, what, (E5, E6, E7)) for what in GROWTH],
    "import_time": [partial(import_time, 5)],
}


def small(case):
    """The same case in a size that takes no time."""
    shrink = lambda value: max(2, value // 100) if isinstance(value, int) and value >= 1000 else value
    args = [tuple(map(shrink, a)) if isinstance(a, tuple) else shrink(a) for a in case.args]
    return partial(case.func, *args)


def machine():
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    rate, bandwidth = limits()
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} on {platform.machine()}",
        "blas": f"{blas['name']} {blas['version']}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "gigaflops": rate / 1e9,
        "gigabytes": bandwidth / 1e9,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], help="all, if none is named", metavar="job")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, few rounds, nothing kept")
    options = parser.parse_args()
    warnings.simplefilter("ignore", integrate.IntegrationWarning)
    if options.quick:
        globals().update(BUDGET=0.05, ROUNDS=(2, 3))
    data = {"date": date.today().isoformat(), **machine(), "jobs": {}}
    for job in options.jobs or JOBS:
        print(f"\n{job}", flush=True)
        rows = data["jobs"][job] = []
        for case in JOBS[job]:
            rows.append((small(case) if options.quick else case)())
            print(describe(rows[-1]), flush=True)
    print(f"\n{report(data)}")
    if not options.jobs and not options.quick:
        DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"\nKept in {DATA}")


if __name__ == "__main__":
    main()
