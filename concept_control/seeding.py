"""Networks whose initial weights follow from a seed.

Layers of torch draw their weights from its global generator and take no other. So that generator
is seeded while a network is built, and put back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Let networks that are built inside draw their weights from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
