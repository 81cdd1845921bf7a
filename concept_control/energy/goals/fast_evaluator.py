"""The energy as control needs it: one code, fixed roles, many positions, no gradients.

It computes what `EnergyNetwork` computes, but only the pairs that some role looks at, and those
among entities that are in the same place in all rows only once. With one block carried among
five others this is several times faster than the network; recorded, it runs without Python and is
twice as fast again. TorchScript never gives the memory of a recording back, so none is made for a
goal: goals of the same form share one, and everything that makes a goal goes into it as a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from concept_control.energy import torchscript
from concept_control.energy.networks.energy_network import (
    ACTION,
    EnergyConditioning,
    EnergyNetwork,
)
from concept_control.energy.networks.measurement import measure_shape
from concept_control.energy.networks.pooling import (
    finish_pool,
    pair_features_between,
    pool_sums,
)
from concept_control.energy.scene_batch import NUM_MOTION_FEATURES, SceneBatch
from concept_control.energy.torchscript import filled, leaves, shapes


class _Split(NamedTuple):
    """Which entities and pairs move.

    Attributes:
        moving, staying: indices of the entities that do and do not.
        pairs, fixed: indices of the pairs with a moving entity and of those without.
        still_set: a tensor where the attended set stays; None where some of it moves.
    """

    moving: torch.Tensor
    staying: torch.Tensor
    pairs: torch.Tensor
    fixed: torch.Tensor
    still_set: torch.Tensor | None


class _Still(NamedTuple):
    """What the moving entities do not change.

    Attributes:
        single_sums, single_terms: over the entities that stay, see `pool_sums`.
        pair_sums, pair_terms: over the pairs that stay.
        source: (1, N, H) first half of the pair layer; None where pairs are not looked at.
        target: (1, N, H) second half of it.
        weights: weights of the pair features.
        shape, shape_measures: of the attended set, None if that moves.
    """

    single_sums: torch.Tensor
    single_terms: torch.Tensor
    pair_sums: torch.Tensor
    pair_terms: torch.Tensor
    source: torch.Tensor | None
    target: torch.Tensor | None
    weights: torch.Tensor | None
    shape: torch.Tensor | None
    shape_measures: torch.Tensor | None


class _Goal(NamedTuple):
    """What a code and the fixed roles turn into.

    Attributes:
        conditioning: what the code turns into.
        subjects, attention, present: (N,) as floats.
        motion: (N, C) zeros, nothing is known of it.
        roles: (3, N) subjects, arguments, others.
        gates: (5, P) of the pairs that some role looks at.
        pair_from, pair_to: (P,) indices of these pairs' entities.
    """

    conditioning: EnergyConditioning
    subjects: torch.Tensor
    attention: torch.Tensor
    present: torch.Tensor
    motion: torch.Tensor
    roles: torch.Tensor
    gates: torch.Tensor
    pair_from: torch.Tensor
    pair_to: torch.Tensor


_RECORDINGS: WeakKeyDictionary[EnergyNetwork, dict[object, tuple[torchscript.Recorded, Any]]] = (
    WeakKeyDictionary()
)
"""Of each network, by form: recordings and what their results are like. The form is what is
computed, the state of the parameters, which are constants in a recording, and sizes and presence
of all tensors, but how many rows there are."""


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
        s, a = subjects.to(reference), attention.to(reference)
        o = (1 - s) * (1 - a)
        count = len(s)
        with torch.no_grad():
            conditioning = network.condition(code.to(reference).unsqueeze(0), ACTION)
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
        self._goal = _Goal(
            conditioning=conditioning,
            subjects=s,
            attention=a,
            present=torch.ones_like(s),
            motion=reference.new_zeros(count, NUM_MOTION_FEATURES),
            roles=torch.stack([s, a, o]),
            gates=gates[:, used[:, 0], used[:, 1]],
            pair_from=used[:, 0],
            pair_to=used[:, 1],
        )
        # Counts up with every change of the parameters.
        self._state = sum(parameter._version for parameter in network.parameters())
        self._moving: bytes | None = None
        self._split: _Split | None = None
        self._still: _Still | None = None
        self._key: object = None

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
        scene = before, positions, colors, sizes
        if self._split is None or moving.tobytes() != self._moving:
            self._split = self._split_up(moving)
            self._moving, self._still = moving.tobytes(), None
        if self._still is None or key is None or key != self._key:
            one = before, positions[:1], colors, sizes
            self._still = self._run(_prepare, one, self._goal, self._split)
            self._key = key
        if not moving.any():
            return _residual(self.network, *scene, self._goal, self._split, self._still)
        return self._run(_residual, scene, self._goal, self._split, self._still)

    def _run(
        self, compute: Callable[..., Any], scene: tuple[torch.Tensor, ...], *known: tuple[Any, ...]
    ) -> Any:
        """Compute by a recording, made anew for what is known in a new form."""
        recordings = _RECORDINGS.setdefault(self.network, {})
        form = compute, self._state, shapes(known)
        if form not in recordings:
            recordings[form] = _record(self.network, compute, scene, known)
        recording, result = recordings[form]
        return filled(result, iter(recording(*scene, *leaves(known))))

    def _split_up(self, moving: np.ndarray) -> _Split:
        goal = self._goal
        moves = torch.from_numpy(moving).to(goal.subjects.device)
        pair_moves = moves[goal.pair_from] | moves[goal.pair_to]
        set_moves = bool((moves & (goal.attention > 0)).any())
        return _Split(
            moving=moves.nonzero()[:, 0],
            staying=(~moves).nonzero()[:, 0],
            pairs=pair_moves.nonzero()[:, 0],
            fixed=(~pair_moves).nonzero()[:, 0],
            still_set=None if set_moves else goal.attention,
        )


def _prepare(
    network: EnergyNetwork,
    before: torch.Tensor,
    one: torch.Tensor,
    colors: torch.Tensor,
    sizes: torch.Tensor,
    goal: _Goal,
    split: _Split,
) -> _Still:
    """Compute once what does not depend on the moving entities, of one row (1, N, 2)."""
    pooling, film = network.pooling, goal.conditioning.pooling
    scene = _scene(before, one, colors, sizes, goal)
    known, places, single = pooling.encode_entities(scene, film)
    staying = single.index_select(1, split.staying)
    gates = goal.roles.index_select(1, split.staying)
    singles = pool_sums([(gates, staying, pooling.single_channels)])
    source = target = weights = None
    paired = singles
    if pooling.pairwise:
        source, target, weights = pooling.encode_pair_ends(known, places, film)
        values = _pairs(scene, goal, split.fixed, source, target, weights)
        gates = goal.gates.index_select(1, split.fixed)
        paired = pool_sums([(gates, values, pooling.pair_channels)])
    shape = shape_measures = None
    if split.still_set is not None:
        shape = pooling.shape_of(scene, goal.roles.expand(1, 1, -1, -1))
        if network.intervals is not None:
            shape_measures = measure_shape(scene, scene.attention.unsqueeze(1))
    return _Still(*singles, *paired, source, target, weights, shape, shape_measures)


def _pairs(
    scene: SceneBatch,
    goal: _Goal,
    which: torch.Tensor,
    source: torch.Tensor,
    target: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Return (B, M, H) the layer of M of the goal's pairs."""
    i = goal.pair_from.index_select(0, which)
    j = goal.pair_to.index_select(0, which)
    values = torch.matmul(pair_features_between(scene, i, j), weights)
    return functional.silu(values + source.index_select(1, i) + target.index_select(1, j))


def _residual(
    network: EnergyNetwork,
    before: torch.Tensor,
    positions: torch.Tensor,
    colors: torch.Tensor,
    sizes: torch.Tensor,
    goal: _Goal,
    split: _Split,
    still: _Still,
) -> torch.Tensor:
    """Return residuals (B, K), see `TermEvaluator.residual`."""
    pooling, film = network.pooling, goal.conditioning.pooling
    batch = positions.shape[0]
    scene = _scene(before, positions, colors, sizes, goal)
    movers = SceneBatch(*(value.index_select(1, split.moving) for value in scene))
    looks, places, single = pooling.encode_entities(movers, film)
    gate = goal.roles.index_select(1, split.moving)
    parts = [(gate, single, pooling.single_channels)]
    learned = finish_pool(goal.roles, parts, (still.single_sums, still.single_terms))
    if still.source is not None and still.target is not None and still.weights is not None:
        source, target, _ = pooling.encode_pair_ends(looks, places, film)
        all_source = still.source.repeat(batch, 1, 1)
        all_target = still.target.repeat(batch, 1, 1)
        all_source.index_copy_(1, split.moving, source)
        all_target.index_copy_(1, split.moving, target)
        values = _pairs(scene, goal, split.pairs, all_source, all_target, still.weights)
        gates = goal.gates.index_select(1, split.pairs)
        parts = [(gates, values, pooling.pair_channels)]
        pairs = finish_pool(goal.gates, parts, (still.pair_sums, still.pair_terms))
        learned = torch.cat([learned, pairs], dim=-1)
    roles = goal.roles.expand(batch, 1, -1, -1)
    shape = None if still.shape is None else still.shape.expand(batch, 1, -1)
    raw = pooling.raw(scene, roles, shape)
    known = still.shape_measures
    measures = network.measure(
        scene,
        scene.attention.unsqueeze(1),
        goal.conditioning,
        None if known is None else known.expand(batch, 1, -1),
    )
    return network.head(learned.unsqueeze(1), raw, measures, goal.conditioning)[:, 0]


def _scene(
    before: torch.Tensor,
    positions: torch.Tensor,
    colors: torch.Tensor,
    sizes: torch.Tensor,
    goal: _Goal,
) -> SceneBatch:
    batch, count, _ = positions.shape
    # As in `GoalEnergy`: what is no subject stands where it is, whoever moved it.
    gate = goal.subjects[:, None]
    return SceneBatch(
        before=before * gate + positions * (1 - gate),
        after=positions,
        colors=colors.expand(batch, count, 3),
        sizes=sizes.expand(batch, count),
        present=goal.present.expand(batch, count),
        subjects=goal.subjects.expand(batch, count),
        attention=goal.attention.expand(batch, count),
        motion=goal.motion.expand(batch, count, NUM_MOTION_FEATURES),
    )


def _record(
    network: EnergyNetwork,
    compute: Callable[..., Any],
    scene: tuple[torch.Tensor, ...],
    known: tuple[Any, ...],
) -> tuple[torchscript.Recorded, Any]:
    """Record what is computed of a scene and what is known of it, and what the result is like."""
    recording = torchscript.record(_Computation(network, compute, known), (*scene, *leaves(known)))
    return recording, compute(network, *scene, *known)


class _Computation(nn.Module):
    """What is recorded: a function of tensors alone.

    Args:
        network: the energy.
        compute: `_prepare` or `_residual`.
        known: what it gets beside the scene, of the form that is recorded.
    """

    def __init__(
        self, network: EnergyNetwork, compute: Callable[..., Any], known: tuple[Any, ...]
    ) -> None:
        super().__init__()
        self.network = network
        self._compute, self._known = compute, known

    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scene, others = values[:4], iter(values[4:])
        return tuple(leaves(self._compute(self.network, *scene, *filled(self._known, others))))


def to_tensor(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Return an array as a tensor of the dtype and on the device of `like`."""
    return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device)
