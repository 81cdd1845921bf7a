"""A recorded pass of the network over a goal's terms, shared by all goals of one form.

TorchScript never frees the memory of a recording, so none is made for a single goal: goals of the
same form share one, and everything that makes a goal goes into it as a tensor.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import nn

from concept_control.energy import torchscript
from concept_control.energy.goals.goal_energy import network_residuals
from concept_control.energy.networks.energy_network import EnergyConditioning, EnergyNetwork
from concept_control.energy.networks.pooling import Conditioning
from concept_control.energy.scene_batch import SceneBatch

RECORDINGS: WeakKeyDictionary[EnergyNetwork, dict[tuple[int, ...], torchscript.Recorded]] = (
    WeakKeyDictionary()
)
"""Recordings of each network by form: number of terms, number of entities and state of the
parameters, which are constants of a recording."""


def recorded_residuals(
    network: EnergyNetwork,
    scene: SceneBatch,
    subjects: torch.Tensor,
    attention: torch.Tensor,
    conditioning: EnergyConditioning,
) -> torch.Tensor:
    """Return `network_residuals`, computed without Python and without gradients.

    The first call of a new form makes the recording, which takes a few tenths of a second.
    """
    # PyTorch counts a parameter's version up with every change in place.
    state = sum(parameter._version for parameter in network.parameters())
    form = (*subjects.shape, state)
    recordings = RECORDINGS.setdefault(network, {})
    pooling, *head = conditioning
    inputs = (*scene, subjects, attention, *pooling, *head)
    if form not in recordings:
        recordings[form] = torchscript.record(_Recordable(network), inputs)
    return recordings[form](*inputs)


class _Recordable(nn.Module):
    """`network_residuals` as a module whose inputs are flat."""

    def __init__(self, network: EnergyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        conditioning = EnergyConditioning(Conditioning(*values[10:13]), *values[13:])
        return network_residuals(
            self.network, SceneBatch(*values[:8]), values[8], values[9], conditioning
        )
