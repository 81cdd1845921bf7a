"""Nested tuples of tensors as a plain list and back: TorchScript records functions of tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


def leaves(tree: Any) -> list[torch.Tensor]:
    """Return the tensors in nested tuples; None stands for one that there is not."""
    if isinstance(tree, tuple):
        return [leaf for part in tree for leaf in leaves(part)]
    return [] if tree is None else [tree]


def shapes(tree: Any) -> Any:
    """Return the same nested tuples with shapes in the place of tensors."""
    if isinstance(tree, tuple):
        return tuple(shapes(part) for part in tree)
    return None if tree is None else tuple(tree.shape)


def filled(tree: Any, leaves: Iterator[torch.Tensor]) -> Any:
    """Return the same nested tuples with other tensors, in the order of `leaves`."""
    if isinstance(tree, tuple):
        parts = [filled(part, leaves) for part in tree]
        return tree._make(parts) if hasattr(tree, '_make') else tuple(parts)
    return None if tree is None else next(leaves)
