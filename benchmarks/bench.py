"""natgrad beside what people use for the same jobs, numpy first: time and digits, in one process.

    python benchmarks/bench.py                       every job, kept in benchmarks/results.json for the book
    python benchmarks/bench.py squared_norms kl      only these jobs; nothing is kept
    python benchmarks/bench.py --quick               every job in sizes too small to mean anything; nothing is kept

Contenders of a case take turns in random order, on one thread and the same data, and must agree before they are timed.
A ratio is the median over the rounds of (a peer's time / natgrad's time), so what else the machine does hits both.
Errors are relative to mpmath at 60 digits, at exactly the numbers that a contender was given.
"""

# ruff: noqa: E402
import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import gc
import json
import math
import platform
import re
import subprocess
import sys
import time
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import mpmath as mp
import numpy as np
import torch
from scipy import linalg, special
from scipy.spatial.distance import cdist
from torch import distributions
from torch.distributions.multivariate_normal import _batch_mahalanobis

import natgrad as ng

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "page" / "registry"))
from benchmarks import DATA, describe, report

PACKAGES = ("natgrad", "numpy", "scipy", "torch", "mpmath")
BUDGET, ROUNDS = 4.0, (5, 100)  # seconds for the rounds of a case, and how many there are at least and at most

torch.set_num_threads(1)
mp.mp.dps = 60
rng = np.random.default_rng(0)
tensor = torch.from_numpy
clock = time.perf_counter


# Measuring


def speed(case, contenders, tolerance=1e-9):
    """One row of results. `contenders` begins with natgrad."""
    reference, loops = np.asarray(contenders["natgrad"]()), {}
    for name, run in contenders.items():
        start = clock()
        found = np.asarray(run())
        loops[name] = max(1, int(2e-3 / (clock() - start)))
        # They do the same job: otherwise their times mean nothing.
        assert found.shape == reference.shape, f"{name}: shape {found.shape}, not {reference.shape}"
        error = np.abs(found - reference).max() / np.abs(reference).max()
        assert error <= tolerance, f"{name} differs by {error:.1e}"
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
    return {
        "case": case,
        "seconds": {name: float(np.median(values)) for name, values in times.items()},
        "ratio": {name: float(np.median(np.divide(times[name], times[first]))) for name in peers},
        "rounds": len(times[first]),
    }


def power(n):
    """100000 as 10⁵, 1500 as 1500."""
    zeros = len(str(n)) - 1
    return "10" + str(zeros).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")) if 10**zeros == n else str(n)


def positive_definite(*shape):
    *batch, n = shape
    frame = rng.standard_normal((*batch, n, 2 * n))
    return frame @ frame.mT / (2 * n)


def multivariate(mean, precision):
    """θ of the multivariate Gaussian: mean, and lower triangle of the precision row by row."""
    lower = np.tril_indices(mean.shape[-1])
    return np.concatenate([mean, precision[..., *lower]], axis=-1)


# How fast


def squared_norms(n, d):
    cov = positive_definite(d)
    v = rng.standard_normal((n, d)) @ np.linalg.cholesky(cov).T
    origin, t_cov, t_v = np.zeros((1, d)), tensor(cov), tensor(v)
    contenders = {
        "natgrad": lambda: ng.from_covariance(cov).squared_norm(v),
        "numpy inverse": lambda: np.einsum("ni,ni->n", v @ np.linalg.inv(cov), v),
        "scipy cdist": lambda: cdist(v, origin, "mahalanobis", VI=np.linalg.inv(cov))[:, 0] ** 2,
        "torch": lambda: _batch_mahalanobis(torch.linalg.cholesky(t_cov), t_v),
    }
    return speed(f"{power(n)} × {d}", contenders)


def natural_gradient(d):
    matrix, g = positive_definite(d), rng.standard_normal(d)
    t_matrix, t_g = tensor(matrix), tensor(g)
    contenders = {
        "natgrad": lambda: ng.natural_gradient(g, ng.Dense(matrix)),
        "numpy solve": lambda: np.linalg.solve(matrix, g),
        "scipy cho_solve": lambda: linalg.cho_solve(linalg.cho_factor(matrix), g),
        "torch": lambda: torch.cholesky_solve(t_g[:, None], torch.linalg.cholesky(t_matrix))[:, 0],
    }
    return speed(f"d = {d}", contenders, 1e-7)


def batched(n, k):
    matrices, g = positive_definite(n, k), rng.standard_normal((n, k))
    t_matrices, t_g = tensor(matrices), tensor(g)
    contenders = {
        "natgrad": lambda: ng.natural_gradient(g, ng.Dense(matrices)),
        "numpy solve": lambda: np.linalg.solve(matrices, g[..., None])[..., 0],
        "torch cholesky": lambda: torch.cholesky_solve(t_g[..., None], torch.linalg.cholesky(t_matrices))[..., 0],
    }
    return speed(f"{power(n)} of {k} × {k}", contenders, 1e-6)


def low_rank(d, n, damping=1e-3):
    scores = rng.standard_normal((n, d))
    g = scores.T @ rng.standard_normal(n) / n
    t_scores, t_g = tensor(scores), tensor(g)

    def numpy():
        gram = scores @ scores.T
        gram[np.diag_indices(n)] += n * damping
        return (g - scores.T @ np.linalg.solve(gram, scores @ g)) / damping

    def by_torch():
        gram = t_scores @ t_scores.T
        gram.diagonal().add_(n * damping)
        return (
            t_g - t_scores.T @ torch.cholesky_solve((t_scores @ t_g)[:, None], torch.linalg.cholesky(gram))[:, 0]
        ) / damping

    contenders = {"natgrad": lambda: ng.LowRank(scores, damping).solve(g), "numpy": numpy, "torch": by_torch}
    return speed(f"d = {power(d)}, N = {n}", contenders, 1e-7)


def empirical_fisher(n, d):
    scores = rng.standard_normal((n, d))
    t_scores = tensor(scores)
    by_hand = {"numpy SᵀS": lambda: scores.T @ scores / n, "torch": lambda: t_scores.T @ t_scores / n}
    return speed(f"{power(n)} × {d}", {"natgrad": lambda: ng.empirical_fisher(scores), **by_hand})


def streamed_fisher(n):
    theta, x = np.array([0.3, 1.7]), rng.standard_normal(n)
    t_theta, t_x = tensor(theta), tensor(x)

    def natgrad():
        found = ng.EmpiricalFisher(2)
        for part in np.array_split(x, -(-n // 10_000)):
            found.add(ng.Gaussian().score(theta, part))
        return found.matrix()

    def numpy():
        scores = np.stack([theta[1] * (x - theta[0]), 0.5 / theta[1] - 0.5 * (x - theta[0]) ** 2], axis=-1)
        return scores.T @ scores / n

    def by_torch():
        log_prob = lambda t, one: 0.5 * (torch.log(t[1]) - t[1] * (one - t[0]) ** 2)
        scores = torch.func.vmap(torch.func.grad(log_prob), (None, 0))(t_theta, t_x)
        return scores.T @ scores / n

    return speed(f"{power(n)} observations", {"natgrad": natgrad, "numpy": numpy, "torch.func": by_torch})


def kl_gaussian(n, spread):
    mean0 = rng.standard_normal(n)
    mean1, sd0 = mean0 + spread * rng.standard_normal(n), np.exp(0.3 * rng.standard_normal(n))
    sd1 = sd0 * np.exp(spread * rng.standard_normal(n))
    theta0, theta1 = np.stack([mean0, sd0**-2], axis=-1), np.stack([mean1, sd1**-2], axis=-1)
    t_mean0, t_sd0, t_mean1, t_sd1 = map(tensor, (mean0, sd0, mean1, sd1))
    normal = partial(distributions.Normal, validate_args=False)
    contenders = {
        "natgrad": lambda: ng.Gaussian().kl(theta0, theta1),
        "numpy textbook": lambda: np.log(sd1 / sd0) + (sd0**2 + (mean0 - mean1) ** 2) / (2 * sd1**2) - 0.5,
        "torch": lambda: distributions.kl_divergence(normal(t_mean0, t_sd0), normal(t_mean1, t_sd1)),
    }
    return speed(f"{power(n)} pairs, {spread:g} apart", contenders, 1e-8)


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
        "numpy textbook": numpy,
        "torch": lambda: distributions.kl_divergence(normal(t_mean0, t_cov0), normal(t_mean1, t_cov1)),
    }
    return speed(f"{power(n)} pairs in {d} dimensions", contenders, 1e-6)


# How exact


def relative(found, exact):
    """The largest error of an array, relative to the largest exact entry; None where there is no number."""
    errors = [abs(mp.mpf(float(a)) - b) for a, b in zip(np.ravel(found), exact, strict=True)]
    error = float(max(errors) / max(abs(b) for b in exact))
    return error if math.isfinite(error) else None


def exactly(array):
    return mp.matrix(np.asarray(array, dtype=float).tolist())


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


def close_probabilities(p, distance):
    """Distributions over a few outcomes: all of their probabilities, or natgrad's θ, all but the first."""
    q = p * np.exp(distance * direction(p.size))
    q = np.round(q / q.sum() * 2**52) / 2**52
    q[0] += 1 - math.fsum(q)  # the sum is one to the last bit
    exact = mp.fsum(mp.mpf(a) * mp.log(mp.mpf(a) / mp.mpf(b)) for a, b in zip(p, q, strict=True))
    kind, first, second = distributions.Categorical, [p], [q]
    if len(p) == 2:
        kind, first, second = distributions.Bernoulli, p[1:], q[1:]
    return {
        "natgrad": (lambda: ng.Categorical(len(p)).kl(p[1:], q[1:]), exact),
        "torch": (by_torch(kind, first, second), exact),
        "scipy": (lambda: special.rel_entr(p, q).sum(), exact),
    }


def close_poisson(distance, rate0=3.5):
    rate1 = rate0 * math.exp(distance * direction(1)[0])
    exact = mp.mpf(rate1) - rate0 + rate0 * mp.log(mp.mpf(rate0) / rate1)
    return {
        "natgrad": (lambda: ng.Poisson().kl([rate0], [rate1]), exact),
        "torch": (by_torch(distributions.Poisson, [rate0], [rate1]), exact),
    }


def close_gaussian(distance):
    mean0, sd0 = 0.7, 1.3
    step, growth = distance * direction(2)
    mean1, sd1 = mean0 + sd0 * step, sd0 * math.exp(growth / 2)
    tau0, tau1 = sd0**-2, sd1**-2

    exact = lambda ratio, square: (ratio - 1 - mp.log(ratio) + square) / 2
    # Each is judged by its own parameters.
    square = (mp.mpf(mean0) - mp.mpf(mean1)) ** 2
    from_tau = exact(mp.mpf(tau1) / tau0, tau1 * square)
    from_sd = exact((mp.mpf(sd0) / sd1) ** 2, square / mp.mpf(sd1) ** 2)
    return {
        "natgrad": (lambda: ng.Gaussian().kl([mean0, tau0], [mean1, tau1]), from_tau),
        "torch": (by_torch(distributions.Normal, (mean0, sd0), (mean1, sd1)), from_sd),
    }


CLOSE = {
    "Bernoulli": partial(close_probabilities, np.array([0.625, 0.375])),
    "Categorical": partial(close_probabilities, np.array([0.5, 0.25, 0.125, 0.125])),
    "Gaussian": close_gaussian,
    "Poisson": close_poisson,
}


def hard_frame(condition, d=6):
    """A squared norm, from the frame itself or from the covariance M Mᵀ, whose condition is the square."""
    rotate = lambda: np.linalg.qr(rng.standard_normal((d, d)))[0]
    frame, v = (rotate() * np.geomspace(1, 1 / condition, d)) @ rotate(), rng.standard_normal(d)
    cov = frame @ frame.T
    contenders = {
        "natgrad": lambda: ng.from_frame(frame).squared_norm(v),
        "numpy inverse": lambda: v @ np.linalg.inv(cov) @ v,
        "torch": lambda: _batch_mahalanobis(torch.linalg.cholesky(tensor(cov)), tensor(v)).numpy(),
    }
    exact = mp.fsum(x**2 for x in mp.lu_solve(exactly(frame), exactly(v)))
    case = f"squared norm from a frame of condition {condition:.0e}"
    return {"case": case, "error": {name: relative(run(), [exact]) for name, run in contenders.items()}}


# All of it

E4, E5, E6 = 10**4, 10**5, 10**6
JOBS = {
    "squared_norms": [partial(squared_norms, n, d) for n, d in ((E6, 2), (E6, 10), (E5, 100), (E4, 1000))],
    "natural_gradient": [partial(natural_gradient, d) for d in (10, 100, 1000, 3000)],
    "batched": [partial(batched, E5, k) for k in (2, 5, 20)],
    "low_rank": [partial(low_rank, E5, 500)],
    "empirical_fisher": [partial(empirical_fisher, E6, 10), partial(empirical_fisher, E5, 200)],
    "streamed_fisher": [partial(streamed_fisher, E6)],
    "kl": [partial(kl_gaussian, E6, 0.01), partial(kl_multivariate, E5, 3), partial(kl_multivariate, E4, 20)],
    "kl_digits": [partial(kl_digits, name) for name in CLOSE],
    "hard_cases": [partial(hard_frame, condition) for condition in (1e2, 1e4, 1e6)],
}


def small(case):
    """The same case in a size that takes no time."""
    shrink = lambda value: max(2, value // 100) if isinstance(value, int) and value >= 1000 else value
    return partial(case.func, *map(shrink, case.args))


def machine():
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = re.findall(r"^model name\s*: (.+)$", info, re.MULTILINE)
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return {
        "date": date.today().isoformat(),
        "commit": commit.strip(),
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} on {platform.machine()}",
        "blas": f"{blas['name']} {blas['version']}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], help="all, if none is named", metavar="job")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, nothing kept")
    options = parser.parse_args()
    if options.quick:
        globals().update(BUDGET=0.05, ROUNDS=(2, 3))
    data = {**machine(), "jobs": {}}
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
