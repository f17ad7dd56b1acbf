"""Initial weights from a local generator: torch's own layers draw theirs from the global one."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn


def build(make: Callable[[], nn.Module], generator: torch.Generator | None = None) -> nn.Module:
    """``make()`` with weights drawn from ``generator`` (without one, from seed 0).

    Linear and convolution layers are uniform as torch draws them, within 1/sqrt(inputs); what
    ``make`` set to zero stays zero. torch's global state is left as it was.
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    with torch.random.fork_rng(devices=[]):
        module = make()
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for values in (layer.weight, layer.bias):
                if bool(values.any()):
                    nn.init.uniform_(values, -bound, bound, generator=generator)
    return module
