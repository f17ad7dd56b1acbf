"""The ideal denoiser against mpmath, against direct float64 differences, and in its properties."""

import math
import subprocess
import sys

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from theorylab.diffusion import ideal, posterior_moments
from theorylab.diffusion.ideal import IdealDenoiser

SIGMAS = [1e-6, 0.004, 0.02, 0.1, 0.3, 1.0, 3.0, 10.0, 80.0, 1e6]
WHOLE = settings(derandomize=True, deadline=None, max_examples=40)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def digits(near_duplicates=False):
    data = torch.tensor(load_digits().data) / 8 - 1
    if near_duplicates:
        data = torch.cat([data, data + 1e-4 * randn(*data.shape, seed=9)])
    return data


def differences(data, x, sigma, weights=None):
    """Mean, log-sum-exp, distance, index, effective sample size, trace: sums of differences."""
    weights = torch.ones(len(data), dtype=torch.float64) if weights is None else weights
    rows = []
    for row, level in zip(
        x, torch.as_tensor(sigma, dtype=torch.float64).expand(len(x)), strict=True
    ):
        offset = data.double() - row.double()
        squared = offset.square().sum(1)
        nearest = squared.argmin()
        t = weights.log() + (squared[nearest] - squared) / (2 * level**2)
        p = t.softmax(0)
        shift = p @ offset
        trace = p @ (offset - shift).square().sum(1)
        logarithm = t.logsumexp(0) - squared[nearest] / (2 * level**2)
        rows.append((row + shift, logarithm, squared[nearest].sqrt(), nearest, 1 / (p @ p), trace))
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def eps_error(mean, expected, x):
    """Relative error of eps = (x - D)/sigma, the largest over the batch."""
    error, length = (v.flatten(1).norm(dim=1) for v in (mean - expected, x - expected))
    return float((error / length).max())


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("near_duplicates", [False, True])
def test_float64_agrees_with_direct_differences_on_the_digits(sigma, near_duplicates):
    data = digits(near_duplicates)
    x = data[:40] + sigma * randn(40, 64)
    mean, logarithm, distance, index, size, trace = differences(data, x, sigma)
    denoiser = IdealDenoiser(data)
    found = denoiser.posterior(x, sigma)
    assert eps_error(found.mean, mean, x) < 1e-12
    assert torch.equal(denoiser(x, sigma), found.mean)
    assert torch.allclose(found.log_sum_exp, logarithm, rtol=1e-11, atol=1e-11)
    assert torch.allclose(
        found.smoothed_squared_distance, -2 * sigma**2 * logarithm, rtol=1e-11, atol=1e-14
    )
    assert torch.allclose(found.distance, distance, rtol=1e-14, atol=0)
    assert torch.equal(found.index, index)
    assert torch.allclose(found.effective_sample_size, size, rtol=1e-10)
    # A dense query's trace is a difference of numbers of size |x_i - mean|^2 <= 100.
    assert torch.allclose(denoiser.covariance_trace(x, sigma), trace, rtol=1e-9, atol=1e-13)
    assert torch.equal(found.covariance_trace, denoiser.covariance_trace(x, sigma))


@pytest.mark.parametrize("sigma", SIGMAS)
def test_float32_meets_its_bound(sigma):
    data = digits(near_duplicates=True)
    x = data[:40] + sigma * randn(40, 64)
    mean, *_, trace = differences(data, x, sigma)
    denoiser = IdealDenoiser(data.float().double(), precision=torch.float32)
    exponent = denoiser.exponent_error_bound(x, sigma, torch.float32)
    exponent = exponent.clamp(max=ideal.EXPONENT_ERROR[torch.float32])
    # The sums: at most 3,594 terms and their rescalings, each rounded, of size |y_i| <= 10.
    allowed = torch.expm1(2 * exponent) * trace.sqrt() + 4000 * 2**-24 * 10
    error = (denoiser(x, sigma) - mean).norm(dim=1)
    assert bool((error <= allowed).all())
    assert eps_error(denoiser(x, sigma), mean, x) < 3e-5


def exact_mean(data, weights, x, sigma):
    """D and log-sum-exp in 50 digits."""
    with mpmath.workdps(50):
        points = [[mpmath.mpf(v) for v in p] for p in data.tolist()]
        query = [mpmath.mpf(v) for v in x.tolist()]
        squared = [sum((a - b) ** 2 for a, b in zip(p, query, strict=True)) for p in points]
        level = mpmath.mpf(sigma)
        terms = [
            mpmath.mpf(w) * mpmath.exp(-s / (2 * level**2))
            for w, s in zip(weights.tolist(), squared, strict=True)
        ]
        total = mpmath.fsum(terms)
        mean = [
            mpmath.fsum(t * p[k] for t, p in zip(terms, points, strict=True)) / total
            for k in range(len(query))
        ]
        return torch.tensor([float(m) for m in mean], dtype=torch.float64), float(mpmath.log(total))


@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.1, 1.0, 30.0, 1e6])
def test_weighted_far_from_the_origin_agrees_with_mpmath(sigma):
    # Clusters of width sigma around points 1000 away from the origin: everything cancels.
    data = 1000 + torch.cat([randn(4, 3), randn(1, 3) + sigma * randn(6, 3, seed=1)])
    weights = torch.rand(10, dtype=torch.float64, generator=generator(2)) + 0.01
    x = data[:10] + sigma * randn(10, 3, seed=3)
    found = IdealDenoiser(data, weights).posterior(x, sigma)
    for k in range(10):
        mean, logarithm = exact_mean(data, weights, x[k], sigma)
        # D itself is rounded to float64 near 1000: 2e-13, beside the relative error.
        assert float((found.mean[k] - mean).norm()) < 1e-12 * float((x[k] - mean).norm()) + 4e-13
        assert found.log_sum_exp[k].item() == pytest.approx(logarithm, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("sigma", [0.5, 4.0])
def test_ways_agree_where_more_than_one_is_accurate(sigma, monkeypatch):
    data = digits()
    x = data[:30] + sigma * randn(30, 64)
    points = IdealDenoiser(data)._points
    reference = data[100:130]
    level = torch.full((30,), sigma, dtype=torch.float64)
    monkeypatch.setattr(posterior_moments, "ENTRIES", 64 * 500)  # several blocks a query
    direct, nearest = posterior_moments.direct_moments(points, x, level, reference)
    assert torch.equal(nearest.index, torch.cdist(x, data).argmin(1))
    dense = posterior_moments.dense_moments(points, x, level, torch.float64, True)
    one = reference + direct.first / direct.mass[:, None]
    two = points.centre + dense.first / dense.mass[:, None]
    assert eps_error(two, one, x) < 1e-12
    sizes = [m.mass.square() / m.mass_of_squares for m in (direct, dense)]
    assert torch.allclose(*sizes, rtol=1e-11)
    monkeypatch.setattr(ideal, "MOST_PAIRS", 1)
    monkeypatch.setattr(ideal, "EXPONENT_ERROR", {torch.float64: 0.0, torch.float32: 0.0})
    assert eps_error(IdealDenoiser(data)(x, sigma), one, x) < 1e-14


@pytest.mark.parametrize("sigma", [1e-3, 0.5])
def test_of_equally_near_points_the_first_is_named(sigma, monkeypatch):
    monkeypatch.setattr(posterior_moments, "ENTRIES", 64)  # one pair a block
    data = digits()[:300].repeat(3, 1)
    x = data[:10] + sigma * randn(10, 64)
    found = IdealDenoiser(data).posterior(x, sigma)
    assert torch.equal(found.index, torch.cdist(x, data[:300]).argmin(1))
    size = differences(data, x, sigma)[4]
    assert torch.allclose(found.effective_sample_size, size, rtol=1e-11)


@pytest.mark.parametrize("points", [500, 2000])  # screened, direct
def test_a_reference_far_beyond_sigma_is_replaced(points):
    # Far from the mean the screening mistakes by 10^4 sigma which point is nearest; then pairs of
    # points at a tenth of sigma make every digit of an exponent count.
    sigma = 1e-6
    cluster = 30 * randn(1, 50) + 3e-3 * randn(points, 50, seed=1)
    pairs = cluster + 0.1 * sigma * randn(points, 50, seed=2)
    data = torch.cat([30 * randn(500, 50, seed=3), cluster, pairs])
    x = cluster[:100] + sigma * randn(100, 50, seed=4)
    _, logarithm, *_ = differences(data, x, sigma)
    found = IdealDenoiser(data).posterior(x, sigma)
    # Of 25, beside 1e10 with a reference 10^5 sigma away: D itself has no digits left to show it.
    assert torch.allclose(found.log_sum_exp, logarithm, rtol=1e-12)


def test_data_far_from_the_origin_are_centred():
    data = digits()[:50]
    assert torch.equal(IdealDenoiser(data)._points.centre, torch.zeros(64).double())
    points = IdealDenoiser(data + 1000)._points
    assert torch.allclose(points.centre, data.mean(0) + 1000, atol=1e-4)
    assert float(points.norm.max()) < 15


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("step", [3.0, 15.0, 19.9, 22.0, 40.0, 65.0, 300.0])
def test_dense_sums_survive_an_ever_better_best(dtype, step, monkeypatch):
    # Each chunk of one point beats all before it, now by much, now by little.
    steps = torch.tensor([step - 2.1, 2.1]).repeat(20)[:-1].double()
    half = steps.flip(0).cumsum(0).flip(0)
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0]).repeat(10)[:-1].double()
    data = ((2 * half).sqrt() * signs)[:, None]
    x, level = torch.zeros(1, 1).double(), torch.ones(1).double()
    monkeypatch.setattr(posterior_moments, "CHUNK", 1)
    points = IdealDenoiser(data)._points
    found = posterior_moments.dense_moments(points, x, level, dtype, True)
    mean, logarithm, *_, size, trace = differences(data, x, 1.0)
    shift = found.first / found.mass[:, None]
    rtol = 1e-3 if dtype == torch.float32 else 1e-11  # exponents of up to 6,000, rounded
    assert torch.allclose(points.centre + shift, mean, rtol=rtol)
    assert torch.allclose(found.mass.square() / found.mass_of_squares, size, rtol=rtol)
    spread = found.second / found.mass - shift.square().sum(1)
    assert torch.allclose(spread, trace, rtol=rtol, atol=rtol * float(mean.square().sum()))
    offset = (x - points.centre).square().sum(1) / 2
    assert torch.allclose(found.top + found.mass.log() - offset, logarithm, rtol=rtol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("few", [1, 48, 10**9])  # always the few, as it comes, always all
def test_summing_the_few_that_matter_is_summing_all(few, sigma, dtype, monkeypatch):
    monkeypatch.setattr(posterior_moments, "FEW", few)
    monkeypatch.setattr(posterior_moments, "CHUNK", 100)
    data = digits()
    x = data[:40] + sigma * randn(40, 64)
    level = torch.full((40,), sigma, dtype=torch.float64)
    points = IdealDenoiser(data)._points
    found = posterior_moments.dense_moments(points, x, level, dtype, True)
    mean, logarithm, *_, size, trace = differences(data, x, sigma)
    rtol = 2e-3 if dtype == torch.float32 else 1e-11  # exponents of up to 2,000, rounded
    shift = found.first / found.mass[:, None]
    assert torch.allclose(points.centre + shift, mean, rtol=rtol, atol=rtol)
    assert torch.allclose(found.mass.square() / found.mass_of_squares, size, rtol=rtol)
    spread = found.second / found.mass - shift.square().sum(1)
    assert torch.allclose(spread, trace, rtol=rtol, atol=rtol * float(mean.square().sum(1).max()))
    offset = (x - points.centre).square().sum(1) / (2 * sigma**2)
    assert torch.allclose(found.top + found.mass.log() - offset, logarithm, rtol=rtol)


@pytest.mark.parametrize("chunk", [1, 7, 599, 1797, 4096])
@pytest.mark.parametrize("sigma", [0.02, 0.7, 20.0])
def test_chunk_boundaries_do_not_matter(chunk, sigma, monkeypatch):
    data = digits()
    x = data[5:9] + sigma * randn(4, 64)
    whole = IdealDenoiser(data).posterior(x, sigma)
    monkeypatch.setattr("theorylab.diffusion.screening.CHUNK", chunk)
    monkeypatch.setattr(posterior_moments, "CHUNK", chunk)
    monkeypatch.setattr(posterior_moments, "ENTRIES", 64 * chunk)
    found = IdealDenoiser(data).posterior(x, sigma)
    assert torch.equal(found.index, whole.index)
    assert eps_error(found.mean, whole.mean, x) < 1e-12
    assert torch.allclose(found.log_sum_exp, whole.log_sum_exp, rtol=1e-12, atol=1e-11)
    assert torch.allclose(found.effective_sample_size, whole.effective_sample_size, rtol=1e-11)


@pytest.mark.parametrize("sigma", [0.02, 0.7, 20.0])
def test_batch_size_does_not_matter(sigma):
    data = digits()
    x = data[:300] + sigma * randn(300, 64)
    denoiser = IdealDenoiser(data)
    whole = denoiser(x, sigma)
    single = torch.cat([denoiser(row[None], sigma) for row in x[:20]])
    # A product's rounding depends on its shape; screened and direct queries keep every bit.
    assert eps_error(single, whole[:20], x[:20]) < 1e-13
    if sigma == 0.02:
        assert torch.equal(single, whole[:20])


def test_sigma_may_differ_within_a_batch():
    data = digits()
    sigma = torch.tensor(SIGMAS, dtype=torch.float64)
    x = data[: len(sigma)] + sigma[:, None] * randn(len(sigma), 64)
    denoiser = IdealDenoiser(data)
    together = denoiser.posterior(x, sigma[:, None])
    for k, level in enumerate(SIGMAS):
        alone = denoiser.posterior(x[k : k + 1], level)
        assert eps_error(together.mean[k : k + 1], alone.mean, x[k : k + 1]) < 1e-13
        assert together.index[k] == alone.index[0]


def test_images_of_bytes_keep_their_size_and_event_shape():
    raw = torch.tensor(load_digits().images * 15.9375).to(torch.uint8)
    values = raw.double() / 127.5 - 1
    denoiser = IdealDenoiser(raw)
    assert denoiser._points.raw.dtype == torch.uint8
    for sigma in (0.01, 1.0, 30.0):
        x = values[:7] + sigma * randn(7, 8, 8)
        assert denoiser(x, sigma).shape == (7, 8, 8)
        expected = differences(values.flatten(1), x.flatten(1), sigma)[0].reshape(x.shape)
        assert eps_error(denoiser(x, sigma), expected, x) < 1e-11


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_the_mean_has_the_dtype_of_x(dtype, precision):
    data = digits().float()
    x = (data[:5].double() + randn(5, 64)).to(dtype)
    denoiser = IdealDenoiser(data, precision=precision)
    mean = denoiser(x, 1.0)
    assert mean.dtype == dtype
    assert denoiser.posterior(x, 1.0).distance.dtype == torch.float64
    expected = differences(data, x.double(), 1.0)[0]
    assert torch.allclose(mean.double(), expected, atol=4 * max(torch.finfo(dtype).eps, 1e-6))


def test_a_point_of_weight_zero_is_not_in_the_set():
    data = digits()[:200]
    weights = torch.rand(200, dtype=torch.float64, generator=generator())
    weights[::3] = 0
    weights[1] = 1e-200
    x = data[:20] + 0.1 * randn(20, 64)
    keep = weights.nonzero()[:, 0]
    found = IdealDenoiser(data, weights).posterior(x, 0.1)
    mean, logarithm, distance, index, *_ = differences(data[keep], x, 0.1, weights[keep])
    # Exponents of 460, rounded.
    assert eps_error(found.mean, mean, x) < 1e-12
    assert torch.allclose(found.log_sum_exp, logarithm, rtol=1e-13)
    assert torch.equal(found.index, keep[index])
    assert torch.allclose(found.distance, distance, rtol=1e-14)


def test_half_the_smoothed_squared_distance_has_gradient_x_minus_mean():
    data = digits()[:50]
    denoiser = IdealDenoiser(data)
    x, direction, step = data[:3] + 2 * randn(3, 64), randn(3, 64, seed=1), 1e-4
    for sigma in (0.5, 2.0):
        up, down = (
            denoiser.posterior(x + s * step * direction, sigma).smoothed_squared_distance / 2
            for s in (1, -1)
        )
        slope = ((x - denoiser(x, sigma)) * direction).sum(1)
        assert torch.allclose((up - down) / (2 * step), slope, rtol=1e-6)
        # A factor 2, as where the definition lacks it, is far outside.
        assert not torch.allclose((up - down) / (4 * step), slope, rtol=1e-2)


sets = st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6))
levels = st.floats(-4, 4).map(lambda e: 10.0**e)


@WHOLE
@given(sets, levels)
def test_the_mean_lies_in_the_box_and_ball_of_the_data(shape, sigma):
    n, d, seed = shape
    data, x = randn(n, d, seed=seed), 3 * randn(5, d, seed=seed + 1)
    mean = IdealDenoiser(data)(x, sigma)
    directions = torch.cat([torch.eye(d, dtype=torch.float64), randn(9, d, seed=seed + 2)])
    reach = data @ directions.T
    found = mean @ directions.T
    assert bool((found <= reach.amax(0) + 1e-12).all() and (found >= reach.amin(0) - 1e-12).all())


@WHOLE
@given(sets, levels)
def test_order_of_the_points_does_not_matter(shape, sigma):
    n, d, seed = shape
    data, x = randn(n, d, seed=seed), 3 * randn(5, d, seed=seed + 1)
    weights = torch.rand(n, dtype=torch.float64, generator=generator(seed)) + 0.1
    order = torch.randperm(n, generator=generator(seed))
    one = IdealDenoiser(data, weights).posterior(x, sigma)
    two = IdealDenoiser(data[order], weights[order]).posterior(x, sigma)
    assert eps_error(one.mean, two.mean, x) < 1e-9
    assert torch.equal(one.index, order[two.index])


@WHOLE
@given(sets, levels)
def test_repeating_a_point_is_weighting_it(shape, sigma):
    n, d, seed = shape
    data, x = randn(n, d, seed=seed), 3 * randn(5, d, seed=seed + 1)
    times = torch.randint(1, 4, (n,), generator=generator(seed))
    one = IdealDenoiser(data.repeat_interleave(times, 0)).posterior(x, sigma)
    two = IdealDenoiser(data, times.double()).posterior(x, sigma)
    assert eps_error(one.mean, two.mean, x) < 1e-9
    assert torch.allclose(one.log_sum_exp, two.log_sum_exp, rtol=1e-9, atol=1e-9)


@WHOLE
@given(sets, levels, st.integers(-20, 20))
def test_moving_data_and_query_moves_the_mean(shape, sigma, moved):
    n, d, seed = shape
    # Multiples of 2^-20, so that adding an integer is exact.
    data = (randn(n, d, seed=seed) * 2**20).round() / 2**20
    x = (3 * randn(5, d, seed=seed + 1) * 2**20).round() / 2**20
    one = IdealDenoiser(data)(x, sigma)
    two = IdealDenoiser(data + moved)(x + moved, sigma) - moved
    assert float((one - two).abs().max()) < 1e-9 * (1 + sigma) + 1e-12


def test_a_single_point_and_an_empty_batch():
    denoiser = IdealDenoiser(torch.tensor([[1.0, 2.0]]), precision=torch.float32)
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    found = denoiser.posterior(x, 0.5)
    assert found.mean.tolist() == [[1, 2], [1, 2]]
    assert found.log_sum_exp.tolist() == [-10, 0]
    assert found.distance.tolist() == [math.sqrt(5), 0]
    assert denoiser.covariance_trace(x, 0.5).tolist() == [0, 0]
    assert denoiser(x[:0], 0.5).shape == (0, 2)
    assert denoiser.posterior(x[:0], 0.5).index.shape == (0,)


GOOD = torch.zeros(3, 2)
BROKEN = {
    "NaN": (ValueError, lambda: IdealDenoiser(torch.tensor([[1.0], [math.nan]]))),
    "at least one point": (ValueError, lambda: IdealDenoiser(torch.zeros(0, 2))),
    "got shape (3,)": (ValueError, lambda: IdealDenoiser(torch.zeros(3))),
    "int64": (TypeError, lambda: IdealDenoiser(torch.zeros(3, 2, dtype=torch.int64))),
    "precision": (TypeError, lambda: IdealDenoiser(GOOD, precision=torch.float16)),
    "at least 0": (ValueError, lambda: IdealDenoiser(GOOD, torch.tensor([1.0, -1, 1]))),
    "shape (3,)": (ValueError, lambda: IdealDenoiser(GOOD, torch.ones(2))),
    "positive sum": (ValueError, lambda: IdealDenoiser(GOOD, torch.zeros(3))),
    "finite": (ValueError, lambda: IdealDenoiser(GOOD, torch.tensor([1.0, math.inf, 1]))),
    "(batch, 2)": (ValueError, lambda: IdealDenoiser(GOOD)(torch.zeros(2, 3), 1.0)),
    "got shape (2,)": (ValueError, lambda: IdealDenoiser(GOOD)(torch.zeros(2), 1.0)),
    "1 NaN or infinite": (
        ValueError,
        lambda: IdealDenoiser(GOOD)(torch.tensor([[0.0, math.nan]]), 1.0),
    ),
    "floating-point": (
        TypeError,
        lambda: IdealDenoiser(GOOD)(torch.zeros(1, 2, dtype=torch.int64), 1.0),
    ),
    "sigma must be finite and above 0, got 0": (ValueError, lambda: IdealDenoiser(GOOD)(GOOD, 0.0)),
    "above 0, got -1": (ValueError, lambda: IdealDenoiser(GOOD)(GOOD, -1.0)),
    "does not fit": (ValueError, lambda: IdealDenoiser(GOOD)(GOOD, torch.ones(2, 1))),
    "between 1e-150": (ValueError, lambda: IdealDenoiser(GOOD)(GOOD, 1e-200)),
}


@pytest.mark.parametrize("text", BROKEN)
def test_errors_say_what_was_wrong(text):
    kind, call = BROKEN[text]
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)


MEMORY = """
import resource, torch
from theorylab.diffusion.ideal import IdealDenoiser
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
data = torch.randint(0, 256, (20000, 784), dtype=torch.uint8, generator=generator)
noise = torch.randn(256, 784, generator=generator).double()
kinds = [IdealDenoiser(data, precision=p) for p in (torch.float32, torch.float64)]
few = IdealDenoiser(data[:1000])
for sigma in (0.1, 20.0):  # screened, dense; first on few points, for the libraries' own first use
    x = data[:256].double() / 127.5 - 1 + sigma * noise
    for denoiser in (few, *kinds):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        denoiser.posterior(x, sigma)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_a_call_needs_a_few_mebibytes_beside_the_data():
    command = [sys.executable, "-c", MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    extra = [float(line) for line in done.stdout.split()]
    # The batch x N matrix would take 20 MiB in float32, 39 MiB in float64.
    assert max(extra[1:3] + extra[4:]) < 8
