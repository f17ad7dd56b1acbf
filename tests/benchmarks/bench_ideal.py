"""The ideal denoiser against its own two products and against what others offer, on one thread.

    pytest tests/benchmarks/bench_ideal.py        asserts the ratios
    python tests/benchmarks/bench_ideal.py        prints the table of all of them

60,000 points of 784 numbers (Fashion-MNIST where it is on the machine, random bytes otherwise), 256
queries. A speed is a ratio of two processor times (on one thread; a busy machine distorts them less
than wall time) taken in turn within one round; the median over rounds.
"""

import functools
import statistics
import time

import torch
from torch.nn.functional import scaled_dot_product_attention

from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.errors import Missing
from theorylab.images.datasets import fashion_mnist

ROUNDS = 5
BATCH = 256


@functools.cache
def images():
    """(60000, 784) uint8."""
    try:
        return torch.as_tensor(fashion_mnist().images).reshape(-1, 784)
    except Missing:
        generator = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (60_000, 784), dtype=torch.uint8, generator=generator)


@functools.cache
def data():
    """The same in [-1, 1], float32."""
    return images().float() / 127.5 - 1


@functools.cache
def denoiser(of_bytes, precision):
    return IdealDenoiser(images() if of_bytes else data(), precision=precision)


@functools.cache
def query(sigma):
    generator = torch.Generator().manual_seed(1)
    chosen = torch.randint(0, len(data()), (BATCH,), generator=generator)
    return data()[chosen] + sigma * torch.randn(BATCH, 784, generator=generator)


@functools.cache
def weights():
    return torch.rand(BATCH, len(data()), generator=torch.Generator().manual_seed(2))


def two_products(sigma):
    """q X^T and P X, with nothing between them."""
    query(sigma) @ data().T
    weights() @ data()


def two_products_float64(sigma):
    query(sigma).double() @ data64().T
    weights64() @ data64()


@functools.cache
def data64():
    return data().double()


@functools.cache
def weights64():
    return weights().double()


def whole_matrix(sigma):
    """smalldiffusion's formula: |x|² + |x_i|² - 2<x, x_i>, N x batch, and its softmax over N.

    Its last product is an einsum with images of four dimensions, as there.
    """
    x, points = query(sigma), data()
    norms = (m.norm(dim=1).square() for m in (points, x))
    row, column = (
        n[:, None].repeat(1, k) for n, k in zip(norms, (len(x), len(points)), strict=True)
    )
    squared = row + column.T - 2 * points @ x.T
    weights = torch.softmax(-squared / 2 / sigma**2, 0)
    return torch.einsum("ij,i...->j...", weights, points.reshape(-1, 1, 28, 28))


def attention(sigma):
    """Scaled dot-product attention with the squared norms as a bias of the keys."""
    keys = data()[None, None]
    bias = -data().square().sum(1) / (2 * sigma**2)
    bias = bias.expand(1, 1, BATCH, -1)
    x = query(sigma)[None, None]
    return scaled_dot_product_attention(x, keys, keys, attn_mask=bias, scale=sigma**-2)


def ideal(of_bytes, precision, sigma):
    return denoiser(of_bytes, precision)(query(sigma), sigma)


def ratio(one, two, rounds=ROUNDS):
    """Median over rounds of time(one)/time(two), each on one thread, taken in turn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one(), two()
        return statistics.median(_seconds(one) / _seconds(two) for _ in range(rounds))
    finally:
        torch.set_num_threads(threads)


def _seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def streamed(sigma, of_bytes=False, precision=torch.float32):
    return functools.partial(ideal, of_bytes, precision, sigma)


def test_reaches_85_percent_of_the_rate_of_its_two_products():
    assert ratio(functools.partial(two_products, 1.0), streamed(1.0)) >= 0.85


def test_is_five_times_faster_than_the_whole_matrix():
    assert ratio(functools.partial(whole_matrix, 1.0), streamed(1.0)) >= 5


def test_is_no_slower_than_attention():
    assert ratio(functools.partial(attention, 1.0), streamed(1.0)) >= 1


def test_screening_bytes_beats_the_dense_limit_up_to_sigma_one_half():
    for sigma in (0.02, 0.1, 0.3, 0.5):
        assert ratio(functools.partial(two_products, sigma), streamed(sigma, True)) > 1


def test_the_others_compute_the_same():
    for sigma in (1.0, 20.0):
        expected = streamed(sigma, precision=torch.float64)()
        for other in (whole_matrix, attention):
            assert torch.allclose(other(sigma).reshape(BATCH, 784), expected, atol=1e-3)


if __name__ == "__main__":
    print(f"{'sigma':>6} {'two products / ...':>22}")
    print("       float32  bytes float64 bytes64 | whole matrix / float32  attention / float32")
    for sigma in (0.02, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 5.0, 20.0):
        base, base64 = (functools.partial(f, sigma) for f in (two_products, two_products_float64))
        shares = [ratio(base, streamed(sigma, b, torch.float32), 3) for b in (False, True)]
        shares += [ratio(base64, streamed(sigma, b, torch.float64), 3) for b in (False, True)]
        others = [
            ratio(functools.partial(f, sigma), streamed(sigma), 3)
            for f in (whole_matrix, attention)
        ]
        print(f"{sigma:6}", *(f"{v:7.2f}" for v in shares), "|", *(f"{v:20.2f}" for v in others))
