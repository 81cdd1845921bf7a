"""Candidate masks: which things of a scene may be meant."""

from __future__ import annotations

import itertools
from functools import cache

import torch

_ENUMERATED = 9
"""Largest number of candidates of which all subsets are listed."""

_LARGEST_SUBSET = 4


def candidate_masks(may_be_meant: torch.Tensor) -> torch.Tensor:
    """Return masks (G, N) of subsets of the things (N,) that may be meant, the empty one too.

    Of up to nine things all subsets; of more, those of at most four, and that of all.
    """
    index = torch.nonzero(may_be_meant)[:, 0]
    subsets = _subsets(len(index)).to(index.device)
    masks = torch.zeros(len(subsets), len(may_be_meant), device=index.device)
    masks[:, index] = subsets
    return masks


@cache
def _subsets(count: int) -> torch.Tensor:
    if count <= _ENUMERATED:
        bits = torch.arange(2**count)[:, None] >> torch.arange(count)
        return (bits & 1).float()
    rows = [
        torch.zeros(count).index_fill(0, torch.tensor(chosen, dtype=torch.long), 1.0)
        for size in range(_LARGEST_SUBSET + 1)
        for chosen in itertools.combinations(range(count), size)
    ]
    return torch.stack([*rows, torch.ones(count)])
