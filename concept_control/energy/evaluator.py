"""The energy as control needs it: one code, fixed roles, many positions, no gradients.

It computes what `EnergyNetwork` computes, but only the pairs that some role looks at, and those
among entities that are in the same place in all rows only once. With one block carried among
five others this is several times faster than the network.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from concept_control.energy.network import EnergyNetwork
from concept_control.energy.scene import NUM_MOTION_FEATURES, Scene
from concept_control.energy.statistics import (
    NUM_ROLES,
    finish_pool,
    pair_features_between,
)


class TermEvaluator:
    """The residual of one code under fixed subjects and attention.

    Args:
        network: the energy.
        code: (W,) half a code.
        operation: `ACTION` or `ARGUMENT`.
        subjects: (N,) bool.
        attention: (N,) bool.
    """

    def __init__(
        self,
        network: EnergyNetwork,
        code: torch.Tensor,
        operation: float,
        subjects: torch.Tensor,
        attention: torch.Tensor,
    ) -> None:
        self.network = network
        reference = next(network.parameters())
        self._subjects = subjects.to(reference)
        self._attention = attention.to(reference)
        count = len(subjects)
        with torch.no_grad():
            self._conditioning = network.condition(code.to(reference).unsqueeze(0), operation)
        s, a = self._subjects, self._attention
        o = (1 - s) * (1 - a)
        self._roles = torch.stack([s, a, o])
        gates = torch.stack(
            [
                s[:, None] * a,
                a[:, None] * a,
                s[:, None] * s,
                s[:, None] * o,
                a[:, None] * o,
            ]
        ) * (1 - torch.eye(count).to(reference))
        used = (gates.sum(dim=0) > 0).nonzero()
        self._from, self._to = used[:, 0], used[:, 1]
        self._gates = gates[:, self._from, self._to]

    @torch.inference_mode()
    def residual(
        self,
        before: torch.Tensor,
        positions: torch.Tensor,
        colors: torch.Tensor,
        sizes: torch.Tensor,
    ) -> torch.Tensor:
        """Return residuals (B, K).

        Args:
            before: (N, 2) workspace units.
            positions: (B, N, 2) workspace units.
            colors: (N, 3) RGB in [0, 1].
            sizes: (N,) workspace units.
        """
        network, pooling = self.network, self.network.pooling
        batch, count, _ = positions.shape
        one = positions[:1]
        moving = (positions != one).flatten(0, 0).any(dim=0).any(dim=-1)
        # As in `GoalEnergy`: what is no subject stands where it is, whoever moved it.
        gate = self._subjects[:, None]
        scene = Scene(
            before=before * gate + positions * (1 - gate),
            after=positions,
            colors=colors.expand(batch, count, 3),
            sizes=sizes.expand(batch, count),
            present=positions.new_ones(1, count).expand(batch, count),
            subjects=self._subjects.expand(batch, count),
            attention=self._attention.expand(batch, count),
            motion=positions.new_zeros(1, count, NUM_MOTION_FEATURES).expand(batch, -1, -1),
        )
        still_scene = scene.select(slice(0, 1))
        moving_index = moving.nonzero()[:, 0]
        still_index = (~moving).nonzero()[:, 0]
        moving_scene = Scene(*(value[:, moving_index] for value in scene))
        film = self._conditioning.pooling

        still_known, still_places, still_single = pooling.encode_entities(still_scene, film)
        known, places, single = pooling.encode_entities(moving_scene, film)
        parts = [
            (self._roles[:, still_index], still_single[:, still_index], pooling.single_channels),
            (self._roles[:, moving_index], single, pooling.single_channels),
        ]
        learned = finish_pool(self._roles, parts)
        if pooling.pairwise:
            source, target, weights = pooling.encode_pair_ends(still_known, still_places, film)
            moving_source, moving_target, _ = pooling.encode_pair_ends(known, places, film)
            pair_moves = moving[self._from] | moving[self._to]
            still_pairs = (~pair_moves).nonzero()[:, 0]
            moving_pairs = pair_moves.nonzero()[:, 0]
            i, j = self._from[still_pairs], self._to[still_pairs]
            features = pair_features_between(still_scene, i, j)
            values = source[:, i] + target[:, j] + torch.matmul(features, weights)
            gate = self._gates[:, still_pairs]
            pair_parts = [(gate, functional.silu(values), pooling.pair_channels)]
            if len(moving_pairs):
                i, j = self._from[moving_pairs], self._to[moving_pairs]
                features = pair_features_between(scene, i, j)
                all_source = source.expand(batch, -1, -1).clone()
                all_target = target.expand(batch, -1, -1).clone()
                all_source[:, moving_index] = moving_source
                all_target[:, moving_index] = moving_target
                values = all_source[:, i] + all_target[:, j]
                values = values + torch.matmul(features, weights)
                pair_parts.append(
                    (self._gates[:, moving_pairs], functional.silu(values), pooling.pair_channels)
                )
            pairs = finish_pool(self._gates, pair_parts)
            learned = torch.cat([learned.expand(batch, -1), pairs.expand(batch, -1)], dim=-1)
        roles = self._roles.expand(batch, 1, NUM_ROLES, count)
        if bool((moving & (self._attention > 0)).any()):
            shape = None
        else:
            shape = pooling.shape_of(still_scene, roles[:1]).expand(batch, 1, -1)
        raw = pooling.raw(scene, roles, shape)
        learned = learned.expand(batch, -1).unsqueeze(1)
        return network.head(learned, raw, self._conditioning)[:, 0]


def to_tensor(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Return an array as a tensor of the dtype and on the device of `like`."""
    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device)
