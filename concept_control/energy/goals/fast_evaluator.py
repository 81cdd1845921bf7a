"""The residual of a goal as control needs it: fixed roles, many positions, no gradients.

It computes what `EnergyNetwork` computes for the action half of the codes, but only the pairs that
some role looks at, and pairs that move in no row only once. With one block carried among five
others this is several times faster than the network; recorded, it runs without Python and is twice
as fast again.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, run_program
from concept_control.energy.goals.recordings import run_recorded
from concept_control.energy.networks.energy_network import (
    ACTION,
    EnergyConditioning,
    EnergyNetwork,
)
from concept_control.energy.networks.features import attended_shape, pair_features_between
from concept_control.energy.networks.measurement import measure_shape
from concept_control.energy.networks.pooling import finish_pool, pair_gates, pool_sums
from concept_control.energy.scene_batch import NUM_MOTION_FEATURES, SceneBatch

_Scene = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Positions before (N, 2) and after (B, N, 2), colours (N, 3) and sizes (N,)."""


class FastGoalEvaluator:
    """The composed residual of one goal, numpy in and numpy out; for use by one thread.

    Args:
        goal: Goal; the squared norm of the residual is `goal.value`.
    """

    def __init__(self, goal: GoalEnergy) -> None:
        self._goal = goal
        self._reference = next(goal.model.network.parameters())

    @cached_property
    def _terms(self) -> list[_TermEvaluator]:
        """Evaluators of the terms; who only plans a goal and passes it on never needs them."""
        network = self._goal.model.network
        return [_TermEvaluator(network, term) for term in self._goal.terms]

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, K) residuals whose squared norms are the composed energies.

        Args:
            before: (N, 2) positions before the action, workspace units.
            positions: (B, N, 2) positions after it, workspace units.
            colors: (N, 3) RGB in [0, 1].
            sizes: (N,) side lengths, workspace units.

        Raises:
            EventError: if N is not that of the goal.
        """
        residuals = self._residuals(before, positions, colors, sizes)
        with torch.inference_mode():
            return run_program(self._goal.program, residuals).cpu().numpy()

    def conjunct_residuals(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> list[np.ndarray]:
        """Return the residuals (B, K_c) of each conjunct without weights; arguments as above."""
        residuals = self._residuals(before, positions, colors, sizes)
        with torch.inference_mode():
            return [c.residual(residuals).cpu().numpy() for c in self._goal.conjuncts]

    def _residuals(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> list[torch.Tensor]:
        """Return the residual of each term."""
        self._goal.check_entities(np.shape(positions)[1])
        positions = np.asarray(positions)
        first = positions[0]
        moving = (positions != first).any(axis=(0, 2))
        key = tuple(
            np.asarray(part).tobytes() for part in (moving, first[~moving], before, colors, sizes)
        )
        scene = (
            self._tensor(before),
            self._tensor(positions),
            self._tensor(colors),
            self._tensor(sizes),
        )
        return [term.residual(scene, moving, key) for term in self._terms]

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        like = self._reference
        return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device)


class _Split(NamedTuple):
    """Which entities and pairs move.

    Attributes:
        moving: Indices of the entities that move.
        staying: Indices of the entities that do not.
        moving_pairs: Indices of the pairs with a moving entity.
        staying_pairs: Indices of the pairs without one.
        staying_set: The attention where no attended entity moves, else None.
    """

    moving: torch.Tensor
    staying: torch.Tensor
    moving_pairs: torch.Tensor
    staying_pairs: torch.Tensor
    staying_set: torch.Tensor | None


class _Prepared(NamedTuple):
    """Everything that the moving entities do not change.

    Attributes:
        single_sums: Sums over the entities that stay, see `pool_sums`.
        single_terms: Smooth-max terms over the entities that stay.
        pair_sums: Sums over the pairs that stay.
        pair_terms: Smooth-max terms over the pairs that stay.
        source: (1, N, H) part of the pair layer's input from the first entity; None for the unary
            network.
        target: (1, N, H) part from the second entity.
        weights: Weights of the pair features.
        shape: Shape of the attended set; None where that moves.
        shape_measures: Shape measurements of the attended set; None where that moves.
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


class _Constants(NamedTuple):
    """What a code and the fixed roles turn into.

    Attributes:
        conditioning: Conditioning of the network by the code.
        subjects: (N,) 0 or 1.
        attention: (N,) 0 or 1.
        present: (N,) ones.
        motion: (N, C) zeros; nothing is known about the motion.
        roles: (3, N) gates of subjects, attended and others.
        gates: (5, P) role gates of the P pairs that some role looks at.
        pair_from: (P,) index of the first entity of each pair.
        pair_to: (P,) index of the second.
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


class _TermEvaluator:
    """The residual of the action half of one term's code.

    Args:
        network: Energy network.
        term: Grounded term.
    """

    def __init__(self, network: EnergyNetwork, term: GroundedTerm) -> None:
        self._network = network
        reference = next(network.parameters())
        subjects, attention = term.subjects.to(reference), term.attention.to(reference)
        roles = torch.stack([subjects, attention, (1 - subjects) * (1 - attention)])
        with torch.no_grad():
            code = term.code.action.to(reference).unsqueeze(0)
            conditioning = network.condition(code, ACTION)
        gates = pair_gates(roles)
        pair_from, pair_to = (gates.sum(dim=0) > 0).nonzero().unbind(dim=1)
        self._constants = _Constants(
            conditioning=conditioning,
            subjects=subjects,
            attention=attention,
            present=torch.ones_like(subjects),
            motion=reference.new_zeros(len(subjects), NUM_MOTION_FEATURES),
            roles=roles,
            gates=gates[:, pair_from, pair_to],
            pair_from=pair_from,
            pair_to=pair_to,
        )
        # PyTorch counts a parameter's version up with every change in place.
        self._state = sum(parameter._version for parameter in network.parameters())
        self._moving: bytes | None = None
        self._split: _Split | None = None
        self._prepared: _Prepared | None = None
        self._key: object = None

    @torch.no_grad()
    def residual(self, scene: _Scene, moving: np.ndarray, key: object) -> torch.Tensor:
        """Return residuals (B, K).

        Args:
            scene: Tensors of the scene.
            moving: (N,) bool, entities that are not in the same place in all rows.
            key: Value that is equal in two calls if everything but the moving entities' positions
                is.
        """
        if self._split is None or moving.tobytes() != self._moving:
            self._split = self._split_up(moving)
            self._moving, self._prepared = moving.tobytes(), None
        if self._prepared is None or key != self._key:
            before, positions, colors, sizes = scene
            one_row = before, positions[:1], colors, sizes
            self._prepared = run_recorded(
                self._network, _prepare, self._state, one_row, self._constants, self._split
            )
            self._key = key
        known = self._constants, self._split, self._prepared
        if not moving.any():
            return _residual(self._network, *scene, *known)
        return run_recorded(self._network, _residual, self._state, scene, *known)

    def _split_up(self, moving: np.ndarray) -> _Split:
        constants = self._constants
        moves = torch.from_numpy(moving).to(constants.subjects.device)
        pair_moves = moves[constants.pair_from] | moves[constants.pair_to]
        set_moves = bool((moves & (constants.attention > 0)).any())
        return _Split(
            moving=moves.nonzero()[:, 0],
            staying=(~moves).nonzero()[:, 0],
            moving_pairs=pair_moves.nonzero()[:, 0],
            staying_pairs=(~pair_moves).nonzero()[:, 0],
            staying_set=None if set_moves else constants.attention,
        )


def _prepare(
    network: EnergyNetwork,
    before: torch.Tensor,
    one: torch.Tensor,
    colors: torch.Tensor,
    sizes: torch.Tensor,
    constants: _Constants,
    split: _Split,
) -> _Prepared:
    """Compute what does not depend on the moving entities, from one row of positions."""
    pooling, film = network.pooling, constants.conditioning.pooling
    scene = _scene(before, one, colors, sizes, constants)
    known, places, single = pooling.encode_entities(scene, film)
    staying = single.index_select(1, split.staying)
    gates = constants.roles.index_select(1, split.staying)
    singles = pool_sums([(gates, staying, pooling.single_channels)])
    source = target = weights = None
    paired = singles
    if pooling.pairwise:
        source, target, weights = pooling.encode_pair_ends(known, places, film)
        values = _pairs(scene, constants, split.staying_pairs, source, target, weights)
        gates = constants.gates.index_select(1, split.staying_pairs)
        paired = pool_sums([(gates, values, pooling.pair_channels)])
    shape = shape_measures = None
    if split.staying_set is not None:
        shape = attended_shape(scene.after, scene.attention.unsqueeze(1))
        if network.intervals is not None:
            shape_measures = measure_shape(scene, scene.attention.unsqueeze(1))
    return _Prepared(*singles, *paired, source, target, weights, shape, shape_measures)


def _pairs(
    scene: SceneBatch,
    constants: _Constants,
    which: torch.Tensor,
    source: torch.Tensor,
    target: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Return the pair layer (B, M, H) of the M pairs that `which` (M,) picks."""
    i = constants.pair_from.index_select(0, which)
    j = constants.pair_to.index_select(0, which)
    values = torch.matmul(pair_features_between(scene, i, j), weights)
    return functional.silu(values + source.index_select(1, i) + target.index_select(1, j))


def _residual(
    network: EnergyNetwork,
    before: torch.Tensor,
    positions: torch.Tensor,
    colors: torch.Tensor,
    sizes: torch.Tensor,
    constants: _Constants,
    split: _Split,
    prepared: _Prepared,
) -> torch.Tensor:
    """Return residuals (B, K), see `_TermEvaluator.residual`."""
    pooling, film = network.pooling, constants.conditioning.pooling
    batch = positions.shape[0]
    scene = _scene(before, positions, colors, sizes, constants)
    movers = SceneBatch(*(value.index_select(1, split.moving) for value in scene))
    looks, places, single = pooling.encode_entities(movers, film)
    gate = constants.roles.index_select(1, split.moving)
    parts = [(gate, single, pooling.single_channels)]
    learned = finish_pool(constants.roles, parts, (prepared.single_sums, prepared.single_terms))
    if (
        prepared.source is not None
        and prepared.target is not None
        and prepared.weights is not None
    ):
        source, target, _ = pooling.encode_pair_ends(looks, places, film)
        all_source = prepared.source.repeat(batch, 1, 1)
        all_target = prepared.target.repeat(batch, 1, 1)
        all_source.index_copy_(1, split.moving, source)
        all_target.index_copy_(1, split.moving, target)
        values = _pairs(
            scene, constants, split.moving_pairs, all_source, all_target, prepared.weights
        )
        gates = constants.gates.index_select(1, split.moving_pairs)
        parts = [(gates, values, pooling.pair_channels)]
        pairs = finish_pool(constants.gates, parts, (prepared.pair_sums, prepared.pair_terms))
        learned = torch.cat([learned, pairs], dim=-1)
    roles = constants.roles.expand(batch, 1, -1, -1)
    shape = None if prepared.shape is None else prepared.shape.expand(batch, 1, -1)
    raw = pooling.raw(scene, roles, shape)
    shape_measures = prepared.shape_measures
    measures = network.measure(
        scene,
        scene.attention.unsqueeze(1),
        constants.conditioning,
        None if shape_measures is None else shape_measures.expand(batch, 1, -1),
    )
    return network.head(learned.unsqueeze(1), raw, measures, constants.conditioning)[:, 0]


def _scene(
    before: torch.Tensor,
    positions: torch.Tensor,
    colors: torch.Tensor,
    sizes: torch.Tensor,
    constants: _Constants,
) -> SceneBatch:
    batch, count, _ = positions.shape
    # As in `GoalEnergy`: for a term, what is not its subject has always stood where it is.
    gate = constants.subjects[:, None]
    return SceneBatch(
        before=before * gate + positions * (1 - gate),
        after=positions,
        colors=colors.expand(batch, count, 3),
        sizes=sizes.expand(batch, count),
        present=constants.present.expand(batch, count),
        subjects=constants.subjects.expand(batch, count),
        attention=constants.attention.expand(batch, count),
        motion=constants.motion.expand(batch, count, NUM_MOTION_FEATURES),
    )
