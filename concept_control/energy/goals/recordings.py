"""Recorded functions of tensors, shared by all inputs of one form.

TorchScript never frees the memory of a recording, so none is made for a single goal: goals of the
same form share one, and everything that makes a goal goes into it as a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from concept_control.energy import torchscript
from concept_control.energy.networks.energy_network import EnergyNetwork

Tree = Any
"""A tensor, None, or a tuple of such trees."""

RECORDINGS: WeakKeyDictionary[EnergyNetwork, dict[object, tuple[torchscript.Recorded, Tree]]] = (
    WeakKeyDictionary()
)
"""Recordings of each network by form, each with an example of its result.

The form is the recorded function, the state of the parameters (they are constants of a recording),
and the shapes and presence of all tensors, the batch size left out.
"""


def run_recorded(
    network: EnergyNetwork,
    function: Callable[..., Tree],
    state: int,
    scene: tuple[torch.Tensor, ...],
    *constants: Tree,
) -> Tree:
    """Return `function(network, *scene, *constants)`, computed by a recording.

    The first call with constants of a new form makes the recording.

    Args:
        network: Network that `function` evaluates.
        function: Pure function of tensors.
        state: Number that changes whenever the network's parameters do.
        scene: Tensors whose batch size may differ from call to call.
        constants: Tensors of the goal.
    """
    recordings = RECORDINGS.setdefault(network, {})
    form = function, state, _shapes(constants)
    if form not in recordings:
        module = _Recordable(network, function, constants)
        script = torchscript.record(module, (*scene, *_leaves(constants)))
        recordings[form] = script, function(network, *scene, *constants)
    script, result = recordings[form]
    return _replace_leaves(result, iter(script(*scene, *_leaves(constants))))


class _Recordable(nn.Module):
    """A function of nested tuples as a module whose inputs and outputs are flat.

    Args:
        network: Network that `function` evaluates.
        function: Function to record.
        constants: Example of its arguments beside the scene.
    """

    def __init__(
        self, network: EnergyNetwork, function: Callable[..., Tree], constants: tuple[Tree, ...]
    ) -> None:
        super().__init__()
        self.network = network
        self._function, self._constants = function, constants

    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scene, others = values[:4], iter(values[4:])
        constants = _replace_leaves(self._constants, others)
        return tuple(_leaves(self._function(self.network, *scene, *constants)))


def _leaves(tree: Tree) -> list[torch.Tensor]:
    """Return the tensors of a tree."""
    if isinstance(tree, tuple):
        return [leaf for part in tree for leaf in _leaves(part)]
    return [] if tree is None else [tree]


def _shapes(tree: Tree) -> Any:
    """Return the tree with shapes in the place of tensors."""
    if isinstance(tree, tuple):
        return tuple(_shapes(part) for part in tree)
    return None if tree is None else tuple(tree.shape)


def _replace_leaves(tree: Tree, leaves: Iterator[torch.Tensor]) -> Tree:
    """Return the tree with other tensors, in the order of `_leaves`."""
    if isinstance(tree, tuple):
        parts = [_replace_leaves(part, leaves) for part in tree]
        return tree._make(parts) if hasattr(tree, '_make') else tuple(parts)
    return None if tree is None else next(leaves)
