"""The empirical Fisher matrix of data in parts, on a cluster of real processes."""

import dask
import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from tolerances import EXACT, assert_close

import natgrad as ng

THETA = [0.3, 2.0]


@pytest.fixture(scope="module")
def client():
    # No dashboard, and nobody but this machine may connect, to ports that the system chooses.
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@dask.delayed
def part(chunk):
    found = ng.EmpiricalFisher(2)
    found.add(ng.Gaussian().score(THETA, chunk))
    return found


def test_parts_of_a_dask_array(client):
    data = np.random.default_rng(0).standard_normal(100_000)
    # Chunks of different size, and more of them than processes.
    x = da.from_array(data, chunks=(7_000,))
    parts = dask.compute(*map(part, x.to_delayed().ravel()))
    assert len(parts) == 15
    total = sum(parts, start=ng.EmpiricalFisher(2))
    assert total.count == data.size
    scores = np.stack([2 * (data - 0.3), 0.25 - 0.5 * (data - 0.3) ** 2])
    assert_close(total.matrix(), scores @ scores.T / data.size, EXACT)
    assert len(client.scheduler_info()["workers"]) == 2


def test_sums_are_made_where_the_parts_are(client):
    # A tree of sums in the workers: only one matrix comes back.
    rows = np.random.default_rng(1).standard_normal((4, 500, 3))

    @dask.delayed
    def add(*parts):
        return sum(parts, start=ng.EmpiricalFisher(3))

    @dask.delayed
    def of_scores(scores):
        found = ng.EmpiricalFisher(3)
        found.add(scores)
        return found

    leaves = [of_scores(scores) for scores in rows]
    total = add(add(*leaves[:2]), add(*leaves[2:])).compute()
    assert_close(total.matrix(), ng.empirical_fisher(rows.reshape(-1, 3)), EXACT)


def test_what_is_refused_in_a_worker_is_refused_here(client):
    with pytest.raises(ValueError, match="^`x` must be finite, but it contains nan"):
        part(np.array([1.0, np.nan])).compute()
