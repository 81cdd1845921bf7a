"""The energy as control needs it: one code, fixed roles, many positions, no gradients.

It computes what `EnergyNetwork` computes, but only the pairs that some role looks at, and those
among entities that are in the same place in all rows only once. With one block carried among
five others this is several times faster than the network; recorded once for each goal, it runs
without Python and is twice as fast again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from concept_control.energy import torchscript
from concept_control.energy.measurement import measure_shape
from concept_control.energy.network import ACTION, EnergyNetwork
from concept_control.energy.scene import NUM_MOTION_FEATURES, Scene
from concept_control.energy.statistics import (
    finish_pool,
    pair_features_between,
    pool_sums,
)


class _Still(NamedTuple):
    """What the moving entities do not change.

    Attributes:
        moving: indices of the moving entities.
        pairs: indices of the pairs with one of them.
        single_sums, single_terms: over the entities that stay, see `pool_sums`.
        pair_sums, pair_terms: over the pairs that stay.
        source: (1, N, H) first half of the pair layer; None where pairs are not looked at.
        target: (1, N, H) second half of it.
        weights: weights of the pair features.
        shape, shape_measures: of the attended set, None if that moves.
    """

    moving: torch.Tensor
    pairs: torch.Tensor
    single_sums: torch.Tensor
    single_terms: torch.Tensor
    pair_sums: torch.Tensor
    pair_terms: torch.Tensor
    source: torch.Tensor | None
    target: torch.Tensor | None
    weights: torch.Tensor | None
    shape: torch.Tensor | None
    shape_measures: torch.Tensor | None


class TermEvaluator:
    """The residual of one code's action under fixed subjects and attention.

    Args:
        network: the energy.
        code: (W,) the action half of a code.
        subjects: (N,) bool.
        attention: (N,) bool.
    """

    def __init__(
        self,
        network: EnergyNetwork,
        code: torch.Tensor,
        subjects: torch.Tensor,
        attention: torch.Tensor,
    ) -> None:
        self.network = network
        reference = next(network.parameters())
        self._subjects = subjects.to(reference)
        self._attention = attention.to(reference)
        count = len(subjects)
        with torch.no_grad():
            self._conditioning = network.condition(code.to(reference).unsqueeze(0), ACTION)
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
        self._present = torch.ones_like(self._subjects)
        self._motion = reference.new_zeros(count, NUM_MOTION_FEATURES)
        self._still: _Still | None = None
        self._key: object = None
        self._recorded: dict[tuple[object, ...], torchscript.Recorded] = {}

    @torch.no_grad()
    def residual(
        self,
        before: torch.Tensor,
        positions: torch.Tensor,
        colors: torch.Tensor,
        sizes: torch.Tensor,
        moving: np.ndarray,
        key: object = None,
    ) -> torch.Tensor:
        """Return residuals (B, K).

        Args:
            before: (N, 2) workspace units.
            positions: (B, N, 2) workspace units.
            colors: (N, 3) RGB in [0, 1].
            sizes: (N,) workspace units.
            moving: (N,) bool, entities that are not in the same place in all rows.
            key: equal keys say that everything but the moving entities' positions is as it was
                in the last call; None that it is not known.
        """
        if key is None or key != self._key:
            self._still = self._prepare(before, positions[:1], colors, sizes, moving)
            self._key = key
        still = self._still
        assert still is not None
        inputs = before, positions, colors, sizes
        if len(still.moving) == 0:
            return self._vary(*inputs, still)
        # What a recording does not see: which parts there are, and of how many entities.
        here = tuple(part is not None for part in still)
        kind = (len(still.moving), here)
        known = [part for part in still if part is not None]
        if kind not in self._recorded:
            self._recorded[kind] = torchscript.record(_Varying(self, here), (*inputs, *known))
        return self._recorded[kind](*inputs, *known)

    def _vary(
        self,
        before: torch.Tensor,
        positions: torch.Tensor,
        colors: torch.Tensor,
        sizes: torch.Tensor,
        still: _Still,
    ) -> torch.Tensor:
        """Return residuals (B, K), see `residual`."""
        network, pooling, film = self.network, self.network.pooling, self._conditioning.pooling
        batch = positions.shape[0]
        scene = self._scene(before, positions, colors, sizes)
        movers = Scene(*(value[:, still.moving] for value in scene))
        looks, places, single = pooling.encode_entities(movers, film)
        gate = self._roles[:, still.moving]
        parts = [(gate, single, pooling.single_channels)]
        learned = finish_pool(self._roles, parts, (still.single_sums, still.single_terms))
        if still.source is not None and still.target is not None and still.weights is not None:
            source, target, _ = pooling.encode_pair_ends(looks, places, film)
            all_source = still.source.repeat(batch, 1, 1)
            all_target = still.target.repeat(batch, 1, 1)
            all_source[:, still.moving] = source
            all_target[:, still.moving] = target
            i, j = self._from[still.pairs], self._to[still.pairs]
            values = torch.matmul(pair_features_between(scene, i, j), still.weights)
            values = functional.silu(values + all_source[:, i] + all_target[:, j])
            parts = [(self._gates[:, still.pairs], values, pooling.pair_channels)]
            pairs = finish_pool(self._gates, parts, (still.pair_sums, still.pair_terms))
            learned = torch.cat([learned, pairs], dim=-1)
        roles = self._roles.expand(batch, 1, -1, -1)
        shape = None if still.shape is None else still.shape.expand(batch, 1, -1)
        raw = pooling.raw(scene, roles, shape)
        known = still.shape_measures
        measures = network.measure(
            scene,
            scene.attention.unsqueeze(1),
            self._conditioning,
            None if known is None else known.expand(batch, 1, -1),
        )
        return network.head(learned.unsqueeze(1), raw, measures, self._conditioning)[:, 0]

    def _scene(
        self,
        before: torch.Tensor,
        positions: torch.Tensor,
        colors: torch.Tensor,
        sizes: torch.Tensor,
    ) -> Scene:
        batch, count, _ = positions.shape
        # As in `GoalEnergy`: what is no subject stands where it is, whoever moved it.
        gate = self._subjects[:, None]
        return Scene(
            before=before * gate + positions * (1 - gate),
            after=positions,
            colors=colors.expand(batch, count, 3),
            sizes=sizes.expand(batch, count),
            present=self._present.expand(batch, count),
            subjects=self._subjects.expand(batch, count),
            attention=self._attention.expand(batch, count),
            motion=self._motion.expand(batch, count, NUM_MOTION_FEATURES),
        )

    def _prepare(
        self,
        before: torch.Tensor,
        one: torch.Tensor,
        colors: torch.Tensor,
        sizes: torch.Tensor,
        moving: np.ndarray,
    ) -> _Still:
        """Compute once what does not depend on the moving entities."""
        pooling, film = self.network.pooling, self._conditioning.pooling
        moves = torch.from_numpy(moving).to(one.device)
        still = (~moves).nonzero()[:, 0]
        scene = self._scene(before, one, colors, sizes)
        known, places, single = pooling.encode_entities(scene, film)
        parts = [(self._roles[:, still], single[:, still], pooling.single_channels)]
        singles = pool_sums(parts)
        source = target = weights = None
        paired = singles
        pair_moves = moves[self._from] | moves[self._to]
        if pooling.pairwise:
            source, target, weights = pooling.encode_pair_ends(known, places, film)
            fixed = (~pair_moves).nonzero()[:, 0]
            i, j = self._from[fixed], self._to[fixed]
            values = torch.matmul(pair_features_between(scene, i, j), weights)
            values = functional.silu(values + source[:, i] + target[:, j])
            paired = pool_sums([(self._gates[:, fixed], values, pooling.pair_channels)])
        shape = shape_measures = None
        if not bool((moves & (self._attention > 0)).any()):
            shape = pooling.shape_of(scene, self._roles.expand(1, 1, -1, -1))
            if self.network.intervals is not None:
                shape_measures = measure_shape(scene, scene.attention.unsqueeze(1))
        return _Still(
            moving=moves.nonzero()[:, 0],
            pairs=pair_moves.nonzero()[:, 0],
            single_sums=singles[0],
            single_terms=singles[1],
            pair_sums=paired[0],
            pair_terms=paired[1],
            source=source,
            target=target,
            weights=weights,
            shape=shape,
            shape_measures=shape_measures,
        )


class _Varying(nn.Module):
    """What is recorded: the residual as a function of tensors alone.

    Args:
        evaluator: whose residual.
        here: which parts of `_Still` there are.
    """

    def __init__(self, evaluator: TermEvaluator, here: tuple[bool, ...]) -> None:
        super().__init__()
        self.network = evaluator.network
        self._evaluator, self._here = evaluator, here

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        before, positions, colors, sizes, *known = values
        following = iter(known)
        still = _Still._make(next(following) if here else None for here in self._here)
        return self._evaluator._vary(before, positions, colors, sizes, still)


def to_tensor(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Return an array as a tensor of the dtype and on the device of `like`."""
    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device)
