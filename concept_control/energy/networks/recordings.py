"""A recorded pass of the network over a goal's terms, shared by all goals of one form.

TorchScript never frees the memory of a recording, so none is made for a single goal: goals of the
same form share one, and everything that makes a goal goes into it as a tensor.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch

from concept_control.energy import torchscript
from concept_control.energy.networks.energy_network import EnergyConditioning, EnergyNetwork
from concept_control.energy.networks.pooling import Conditioning
from concept_control.energy.scene_batch import SceneBatch, grounded


def network_residuals(
    network: EnergyNetwork,
    scene: SceneBatch,
    subjects: torch.Tensor,
    attention: torch.Tensor,
    conditioning: EnergyConditioning,
) -> torch.Tensor:
    """Return the residuals (M, B, K) of M terms in B scenes, all from one pass of the network.

    Args:
        network: Energy network.
        scene: B scenes; their own masks are ignored.
        subjects: (M, N) 0 or 1, entities that each term acts on.
        attention: (M, N) 0 or 1, entities that each term is about.
        conditioning: Conditioning by the terms' codes, M rows.
    """
    terms, batch = subjects.shape[0], scene.after.shape[0]
    each = SceneBatch(*(value.expand(terms, *value.shape).flatten(0, 1) for value in scene))
    subjects = subjects.repeat_interleave(batch, dim=0)
    attention = attention.repeat_interleave(batch, dim=0)
    each = grounded(each, subjects, attention)
    residuals = network(each, attention.unsqueeze(1), conditioning.repeat(batch))
    return residuals.reshape(terms, batch, -1)


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

    def flat(*values: torch.Tensor) -> torch.Tensor:
        *scene, subjects, attention = values[:-5]
        conditioned = EnergyConditioning(Conditioning(*values[-5:-2]), *values[-2:])
        return network_residuals(network, SceneBatch(*scene), subjects, attention, conditioned)

    if form not in recordings:
        recordings[form] = torchscript.record(flat, inputs, network)
    return recordings[form](*inputs)
