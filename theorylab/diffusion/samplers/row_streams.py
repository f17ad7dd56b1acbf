"""Noise for a batch: from one generator, or from one generator for each row.

With one stream for each row, a row's noise does not depend on which rows it is batched with.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Streams = torch.Generator | Sequence[torch.Generator] | None


def check_streams(x: Tensor, generator: Streams) -> None:
    """Raise ``ValueError`` for a sequence that has not one generator for each row of ``x``."""
    if not (generator is None or isinstance(generator, torch.Generator)) and len(x) != len(
        generator
    ):
        raise ValueError(
            f"got {len(generator)} generators for {len(x)} rows of x; allowed: one generator for "
            "the whole batch, or one for each row"
        )


def normal(shape: tuple[int, ...], x: Tensor, generator: Streams) -> Tensor:
    """Standard normal ``(batch, *shape)`` in the dtype and on the device of ``x (batch, ...)``.

    Drawn on the generator's device, so that a CPU generator gives the same bits everywhere.
    """
    if generator is None:
        return torch.randn(len(x), *shape, dtype=x.dtype, device=x.device)
    if isinstance(generator, torch.Generator):
        drawn = torch.randn(
            len(x), *shape, dtype=x.dtype, device=generator.device, generator=generator
        )
    else:
        drawn = torch.stack(
            [torch.randn(shape, dtype=x.dtype, device=g.device, generator=g) for g in generator]
        )
    return drawn.to(x.device)
