"""Screening: its enclosures hold, it keeps what it must, and what it drops has the proven mass."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion import enclosures, ideal
from theorylab.diffusion.data_points import DataPoints
from theorylab.diffusion.enclosures import ByteEnclosure, FloatEnclosure, byte_products_are_exact
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.screening import screen

WHOLE = settings(derandomize=True, deadline=None, max_examples=40)


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def random_bytes(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, d), dtype=torch.uint8, generator=generator)


def values(data):
    return data.double() / 127.5 - 1 if data.dtype == torch.uint8 else data.double()


def excess(data, x):
    """Half of |x - x_i|^2 - |x - x_1|^2, (batch, N), by differences in extended precision."""
    data, x = values(data).numpy().astype("longdouble"), x.numpy().astype("longdouble")
    half = ((x[:, None] - data[None]) ** 2).sum(-1) / 2
    return torch.from_numpy((half - half[:, :1]).astype("float64"))


def violation(points, bounds, x, data):
    """By how much an enclosure of the differences T_i - T_j is missed, relative to its width.

    upper_i - upper_j + 2 slack_j bounds T_i - T_j from above for all i, j.
    """
    n, batch = len(points), torch.arange(len(x))
    upper = bounds.upper(slice(0, n)).double() * bounds.unit[:, None]
    pairs = batch.repeat_interleave(n), torch.arange(n).repeat(len(x))
    slack = (bounds.slack(*pairs)).reshape(len(x), n) * bounds.unit[:, None]
    above = upper + excess(data, x)  # at least the constant
    below = above - 2 * slack  # at most the constant
    return float(((below.amax(1) - above.amin(1)) / slack.amax(1)).max())


def cases():
    near = randn(1, 50) + 1e-6 * randn(300, 50, seed=1)
    return {
        "float64": randn(300, 50),
        "float32": randn(300, 50).float(),
        "near duplicates": near,
        "far from the origin": near + 100,
        "of all sizes": randn(300, 50) * torch.logspace(-6, 6, 300, dtype=torch.float64)[:, None],
        "bytes": random_bytes(300, 784),
        "dark bytes": random_bytes(300, 784) // 64,
        "equal bytes": torch.full((20, 7), 128, dtype=torch.uint8),
    }


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("noise", [1e-6, 0.01, 1.0, 100.0, 1e6])
def test_enclosures_hold(case, noise):
    data = cases()[case]
    points = DataPoints(data)
    x = values(data)[:9] + noise * randn(min(9, len(data)), points.dim, seed=2)
    kinds = [FloatEnclosure, ByteEnclosure] if points.bytes else [FloatEnclosure]
    for kind in kinds:
        assert violation(points, kind(points, x), x, data) <= 0


def test_enclosures_without_slack_are_seen_not_to_hold():
    data = randn(300, 50)
    points, x = DataPoints(data), data[:9] + 0.1 * randn(9, 50, seed=2)
    bounds = FloatEnclosure(points, x)
    bounds.error, bounds.row[:, 0] = 0.0, 0.0
    assert violation(points, bounds, x, data) > 0
    data = random_bytes(300, 784)
    points, x = DataPoints(data), values(data)[:9] + 0.3 * randn(9, 784, seed=2)
    bounds = ByteEnclosure(points, x)
    bounds.residual *= 1e-3
    bounds.row[:, 0] *= 1e-3
    assert violation(points, bounds, x, data) > 0


sets = st.tuples(st.integers(1, 900), st.integers(1, 9), st.integers(0, 10**6), st.booleans())


@WHOLE
@given(sets, st.floats(-3, 2), st.floats(-3, 2))
def test_screening_keeps_all_that_lies_within_the_width(shape, noise, width):
    n, d, seed, of_bytes = shape
    data = random_bytes(n, d, seed) if of_bytes else randn(n, d, seed=seed)
    x = values(data)[:5] + 10**noise * randn(min(5, n), d, seed=seed + 1)
    width = torch.full((len(x),), 10**width, dtype=torch.float64)
    found = screen(DataPoints(data), x, width, torch.full((len(x),), n), width < 0)
    assert not found.overfull.any()
    half = excess(data, x)
    needed = half <= half.amin(1, keepdim=True) + width[:, None] - 1e-12
    kept = torch.zeros_like(needed)
    kept[found.query, found.point] = True
    assert not (needed & ~kept).any()
    # Few others: the slack of a float32 product, or of a query rounded to 1/127 of its largest.
    allowed = 0.05 * (1 + x.abs().amax(1)) * d * 2 if of_bytes else 1e-4 * (1 + x.norm(dim=1)) * d
    assert not (kept & (half > half.amin(1, keepdim=True) + (width + 2 * allowed)[:, None])).any()
    order = found.query * n + found.point
    assert bool((order.diff() > 0).all())


def test_a_query_that_keeps_more_than_its_limit_is_given_up_and_the_others_are_not():
    data = torch.cat([randn(2000, 3), 50 + 1e-3 * randn(10, 3)])
    x = torch.stack([data[0], data[-1]])
    width = torch.tensor([1.0, 1.0], dtype=torch.float64)
    found = screen(DataPoints(data), x, width, torch.tensor([20, 20]), width < 0)
    assert found.overfull.tolist() == [True, False]
    assert found.query.unique().tolist() == [1]
    assert found.point.tolist() == list(range(2000, 2010))


@pytest.mark.parametrize("of_bytes", [False, True])
def test_what_is_dropped_has_less_than_the_proven_mass(of_bytes):
    data = random_bytes(3000, 16) if of_bytes else randn(3000, 16)
    sigma, tau = 0.3, 3.0
    x = values(data)[:20] + sigma * randn(20, 16, seed=1)
    width = torch.full((20,), tau * sigma**2, dtype=torch.float64)
    found = screen(DataPoints(data), x, width, torch.full((20,), 3000), width < 0)
    p = (-excess(data, x) / sigma**2).softmax(1)
    kept = torch.zeros_like(p)
    kept[found.query, found.point] = p[found.query, found.point]
    # N e^-tau is a crude bound; e^-tau for each point dropped, relative to the best, is sharper.
    dropped = 1 - kept.sum(1)
    assert bool((dropped < 3000 * torch.tensor(-tau).exp()).all())
    assert bool(((p - kept).amax(1) < torch.tensor(-tau).exp() * p.amax(1)).all())
    assert float(dropped.max()) > 0


def test_the_share_dropped_in_practice_is_below_the_rounding_of_float64():
    assert torch.finfo(torch.float64).eps / 2 >= ideal.DROPPED


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_bytes_without_an_exact_integer_product_give_the_same(sigma, monkeypatch):
    data = random_bytes(500, 784)
    x = values(data)[:20] + sigma * randn(20, 784)
    one = IdealDenoiser(data).posterior(x, sigma)
    monkeypatch.setattr(enclosures, "byte_products_are_exact", lambda dim: False)
    two = IdealDenoiser(data).posterior(x, sigma)
    assert torch.allclose(one.mean, two.mean, rtol=0, atol=1e-13)
    assert torch.equal(one.index, two.index)


def test_products_that_torch_may_shorten_are_not_trusted(monkeypatch):
    points, x = DataPoints(randn(10, 3)), randn(2, 3)
    assert FloatEnclosure(points, x).dtype == torch.float32
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "medium")
    assert FloatEnclosure(points, x).dtype == torch.float64
    monkeypatch.undo()
    assert FloatEnclosure(DataPoints(1e20 * randn(10, 3)), x).dtype == torch.float64


def test_the_check_of_integer_products_sees_saturation(monkeypatch):
    def saturating(one, two):
        """As processors without an int8 dot product do: unsigned by signed, pairs in 16 bits."""
        one, two = one.long() + 128, two.long()
        pairs = one[:, :, None] * two[None]
        pairs = (pairs[:, ::2] + pairs[:, 1::2]).clamp(-(2**15), 2**15 - 1)
        return (pairs.sum(1) - 128 * two.sum(0)).int()

    byte_products_are_exact.cache_clear()
    monkeypatch.setattr(torch, "_int_mm", saturating)
    assert not byte_products_are_exact(64)
    byte_products_are_exact.cache_clear()
    monkeypatch.delattr(torch, "_int_mm")
    assert not byte_products_are_exact(64)
    byte_products_are_exact.cache_clear()


def test_integer_products_of_one_number_are_not_trusted():
    assert not byte_products_are_exact(1)


@pytest.mark.parametrize("dim", [2, 3, 7, 16, 65, 784, 1024])
def test_integer_products_are_exact_in_every_shape_used(dim):
    if not byte_products_are_exact(dim):
        pytest.skip("this processor has no exact int8 product")
    generator = torch.Generator().manual_seed(dim)
    for batch in (1, 2, 17, 256):
        for rows in (1, 3, 96, 512):
            one = torch.randint(-128, 128, (batch, dim), generator=generator)
            two = torch.randint(-128, 128, (rows, dim), generator=generator)
            found = torch._int_mm(one.to(torch.int8), two.to(torch.int8).T)
            assert torch.equal(found.double(), one.double() @ two.double().T)
