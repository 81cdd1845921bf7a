"""Permutation-invariant statistics of a scene under attention, factored to be fast.

The pairwise energy of Mordatch (arXiv 1811.02486) sums g(x_i, x_j, w) over all pairs under one
gate. Here each role (subject to attended, attended to attended, ...) has a sum of its own, because
one gate for all pairs confuses who does what to whom, and g's first layer is factored per entity:

    g(x_i, x_j) = W2 silu(U x_i + V x_j + R n_ij + c(w)),

so that the O(N²) part is only an addition, a few relative features n_ij and the non-linearity;
W2 is linear and acts after the gated sum. Pairs see relative positions only; absolute positions
enter the sums over single entities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.networks.features import (
    NUM_PAIR_FEATURES,
    NUM_SHAPE,
    SOFT,
    attended_shape,
    color_features,
    pair_features,
    size_feature,
    soft_length,
)
from concept_control.energy.scene_batch import NUM_MOTION_FEATURES, SceneBatch

NUM_ROLES = 3
"""Subjects, attended, others; "others" are present and neither."""

NUM_PAIR_ROLES = 5
"""Pairs of roles, see `pair_gates`."""

NUM_ATTRIBUTES = 3 + 3 + 1 + NUM_MOTION_FEATURES + 1
"""Number of attributes of an entity: colour, hue, size, motion, distance moved."""

NUM_RAW = 12 + 3 + 1 + 3 * 4 + NUM_SHAPE
"""Length of the raw geometry: positions, counts, spread, mean looks of each role, shape."""

RAW_PLACES = 8
"""Numbers at the start of the raw geometry: means of subjects and attended, after then before."""

RAW_SECOND_MOMENT = 12 + 3 + 1 + 3 * 4 + 1
"""Index in the raw geometry of the second moment of the attended (two numbers)."""

_COUNT_FLOOR = 0.05
"""Added to the gates' sum in means, so that the mean of nothing is zero."""

_SMOOTH_MAX_RANGE = 12.0
_SMOOTH_MAX_FLOOR = math.exp(-8.0)


class Conditioning(NamedTuple):
    """Feature-wise scales and shifts of the pooling by a code (FiLM, Perez et al. 2018).

    Attributes:
        attributes: (B, 2 A) scale and shift of the attribute layer.
        pairs: (B, 2 H) scale and shift of the pair layer.
        singles: (B, 2 H) scale and shift of the layer of single entities.
    """

    attributes: torch.Tensor
    pairs: torch.Tensor
    singles: torch.Tensor


class Statistics(NamedTuple):
    """Pooled statistics of B events under G attention masks each.

    Attributes:
        learned: (B, G, num_learned) learned means and smooth maxima.
        raw: (B, G, NUM_RAW) plain geometry: centroids, counts, spreads, similarity-invariant
            moments of the attended set.
        single: (B, N, H) layer of single entities, the same for all masks.
        pairs: (B, N, N, H) layer of ordered pairs; None for the unary network.
    """

    learned: torch.Tensor
    raw: torch.Tensor
    single: torch.Tensor
    pairs: torch.Tensor | None


class ScenePooling(nn.Module):
    """Pool pairs and single entities by role, conditioned on a code.

    Args:
        code_width: Length of the conditioning vector.
        hidden: H, width of the pair and single layers.
        attribute_width: A, width of the layer that reads colour, size and motion.
        channels: C, number of smooth-max channels.
        pairwise: Whether pairs are pooled too; False leaves the unary statistics of the workshop
            paper.
    """

    def __init__(
        self,
        code_width: int,
        hidden: int = 64,
        attribute_width: int = 32,
        channels: int = 8,
        pairwise: bool = True,
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.channels = channels
        self.pairwise = pairwise
        self.attribute_layer = nn.Linear(NUM_ATTRIBUTES, attribute_width)
        self.attribute_film = nn.Linear(code_width, 2 * attribute_width)
        self.single_layer = nn.Linear(attribute_width + 4, hidden)
        self.single_film = nn.Linear(code_width, 2 * hidden)
        self.single_channels = nn.Linear(hidden, channels)
        self.from_layer = nn.Linear(attribute_width, hidden)
        self.to_layer = nn.Linear(attribute_width, hidden, bias=False)
        self.relative_layer = nn.Linear(4, hidden, bias=False)
        self.pair_features = nn.Parameter(0.4 * torch.randn(NUM_PAIR_FEATURES, hidden))
        self.pair_film = nn.Linear(code_width, 2 * hidden)
        self.pair_channels = nn.Linear(hidden, channels)
        roles = NUM_ROLES + (NUM_PAIR_ROLES if pairwise else 0)
        self.num_learned = roles * (hidden + channels)

    def condition(self, code: torch.Tensor) -> Conditioning:
        """Return the conditioning by codes (B, code_width); compute it once per concept."""
        return Conditioning(
            self.attribute_film(code), self.pair_film(code), self.single_film(code)
        )

    def forward(
        self, scene: SceneBatch, attention: torch.Tensor, conditioning: Conditioning
    ) -> Statistics:
        """Return the statistics of events under masks.

        Args:
            scene: B events; their own attention is ignored.
            attention: (B, G, N) in [0, 1], G masks per event.
            conditioning: Conditioning, B rows or one for all.
        """
        subjects = (scene.subjects * scene.present).unsqueeze(1).expand_as(attention)
        attended = attention * scene.present.unsqueeze(1)
        others = scene.present.unsqueeze(1) * (1 - subjects) * (1 - attended)
        roles = torch.stack([subjects, attended, others], dim=2)

        known, places, single = self.encode_entities(scene, conditioning)
        learned = self._pool(roles, single, self.single_channels(single))
        pairs = None
        if self.pairwise:
            pairs = self._encode_pairs(scene, known, places, conditioning)
            learned = torch.cat([learned, self._pool_pairs(roles, pairs)], dim=-1)
        return Statistics(learned, self.raw(scene, roles, None), single, pairs)

    def encode_entities(
        self, scene: SceneBatch, conditioning: Conditioning
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Encode single entities.

        Returns:
            Encoded attributes (B, N, A), positions after and before (B, N, 4), and the layer of
            single entities (B, N, H).
        """
        moved = soft_length(scene.after - scene.before)
        looks = [color_features(scene.colors), size_feature(scene.sizes)]
        attributes = torch.cat([*looks, scene.motion, moved - SOFT**0.5], dim=-1)
        scale, shift = conditioning.attributes.unsqueeze(-2).chunk(2, dim=-1)
        known = functional.silu(self.attribute_layer(attributes) * (1 + scale) + shift)
        places = torch.cat([scene.after, scene.before], dim=-1)
        scale, shift = conditioning.singles.unsqueeze(-2).chunk(2, dim=-1)
        single = self.single_layer(torch.cat([known, places], dim=-1))
        return known, places, functional.silu(single * (1 + scale) + shift)

    def encode_pair_ends(
        self, known: torch.Tensor, places: torch.Tensor, conditioning: Conditioning
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the factored first layer of pairs.

        Returns:
            The parts U x_i (B, N, H) and V x_j (B, N, H), and the weights R (B, F, H) of the
            relative features.
        """
        scale, shift = conditioning.pairs.unsqueeze(-2).chunk(2, dim=-1)
        relative = self.relative_layer(places)
        source = (self.from_layer(known) + relative) * (1 + scale) + shift
        target = (self.to_layer(known) - relative) * (1 + scale)
        return source, target, self.pair_features * (1 + scale)

    def _encode_pairs(
        self,
        scene: SceneBatch,
        known: torch.Tensor,
        places: torch.Tensor,
        conditioning: Conditioning,
    ) -> torch.Tensor:
        """Return the pair layer (B, N, N, H) of all ordered pairs."""
        source, target, weights = self.encode_pair_ends(known, places, conditioning)
        pairs = (source.unsqueeze(2) + target.unsqueeze(1)).flatten(1, 2)
        pairs = pairs + torch.matmul(pair_features(scene).flatten(1, 2), weights)
        count = known.shape[1]
        return functional.silu(pairs).unflatten(1, (count, count))

    def _pool_pairs(self, roles: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
        gates = pair_gates(roles).flatten(-2)
        flat = pairs.flatten(1, 2)
        return self._pool(gates, flat, self.pair_channels(flat))

    def _pool(
        self, gates: torch.Tensor, values: torch.Tensor, channels: torch.Tensor
    ) -> torch.Tensor:
        """Pool values (B, M, H) and channels (B, M, C) under gates (B, G, R, M)."""
        batch, masks = gates.shape[:2]
        flat = gates.flatten(1, 2)
        sums = torch.matmul(flat, values), torch.matmul(flat, smooth_max_terms(channels))
        return _mean_and_maximum(flat, *sums).reshape(batch, masks, -1)

    def raw(
        self, scene: SceneBatch, roles: torch.Tensor, shape: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the plain geometry (B, G, NUM_RAW).

        Args:
            scene: B events.
            roles: (B, G, 3, N) gates of subjects, attended and others.
            shape: Result of `attended_shape`, where it is known already.
        """
        counts = roles.sum(dim=-1)
        share = roles / (counts + 1e-3).unsqueeze(-1)
        looks = torch.cat([scene.colors, size_feature(scene.sizes)], dim=-1)
        flat = share.flatten(1, 2)
        looks_mean, after, before = (
            torch.matmul(flat, values).reshape(*roles.shape[:2], *shape_)
            for values, shape_ in (
                (looks, (-1,)),
                (scene.after, (NUM_ROLES, 2)),
                (scene.before, (NUM_ROLES, 2)),
            )
        )
        from_attended = after[:, :, 0] - after[:, :, 1]
        from_start = after[:, :, 0] - before[:, :, 0]
        plain = torch.cat(
            [after[:, :, :2].flatten(2), before[:, :, :2].flatten(2), from_attended, from_start],
            dim=-1,
        )
        if shape is None:
            shape = attended_shape(scene.after, roles[:, :, 1])
        spread = (
            share[:, :, 0]
            * (scene.after.unsqueeze(1) - after[:, :, 0].unsqueeze(2)).square().sum(dim=-1)
        ).sum(dim=-1, keepdim=True)
        return torch.cat([plain, counts / 4, (spread + SOFT).sqrt(), looks_mean, shape], dim=-1)


def pair_gates(roles: torch.Tensor) -> torch.Tensor:
    """Return gates (..., NUM_PAIR_ROLES, N, N) of ordered pairs by their roles.

    Subject to attended, attended to attended, subject to subject, subject to others, attended to
    others; zero from an entity to itself.

    Args:
        roles: (..., NUM_ROLES, N) gates of subjects, attended and others.
    """
    subjects, attended, others = roles.unbind(dim=-2)
    apart = 1 - torch.eye(roles.shape[-1], dtype=roles.dtype, device=roles.device)
    gates = [
        subjects.unsqueeze(-1) * attended.unsqueeze(-2),
        attended.unsqueeze(-1) * attended.unsqueeze(-2),
        subjects.unsqueeze(-1) * subjects.unsqueeze(-2),
        subjects.unsqueeze(-1) * others.unsqueeze(-2),
        attended.unsqueeze(-1) * others.unsqueeze(-2),
    ]
    return torch.stack(gates, dim=-3) * apart


def smooth_max_terms(channels: torch.Tensor) -> torch.Tensor:
    """Return the bounded exponentials whose gated sum's logarithm is the smooth maximum."""
    return (_SMOOTH_MAX_RANGE * torch.tanh(channels / _SMOOTH_MAX_RANGE)).exp()


def _mean_and_maximum(
    gates: torch.Tensor, total: torch.Tensor, terms: torch.Tensor
) -> torch.Tensor:
    """Return gated means and smooth maxima (..., R, H + C) from sums over the members.

    Args:
        gates: (..., R, M).
        total: (..., R, H) gated sums of the values.
        terms: (..., R, C) gated sums of `smooth_max_terms`.
    """
    mean = total / (gates.sum(dim=-1, keepdim=True) + _COUNT_FLOOR)
    return torch.cat([mean, (terms + _SMOOTH_MAX_FLOOR).log() / 4], dim=-1)


Part = tuple[torch.Tensor, torch.Tensor, nn.Module]
"""Some of the pooled members: gates (R, M'), values (B or 1, M', H), layer of the channels."""


def pool_sums(parts: Sequence[Part]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gated sums of the values (B or 1, R, H) and of the smooth-max terms."""
    gate, values, layer = parts[0]
    total = torch.matmul(gate, values)
    terms = torch.matmul(gate, smooth_max_terms(layer(values)))
    for gate, values, layer in parts[1:]:
        total = total + torch.matmul(gate, values)
        terms = terms + torch.matmul(gate, smooth_max_terms(layer(values)))
    return total, terms


def finish_pool(
    gates: torch.Tensor, parts: Sequence[Part], sums: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Pool members given in parts, as `ScenePooling` pools all at once.

    Args:
        gates: (R, M) gates of all members.
        parts: Members that are not in `sums`; at least one part, which may be empty.
        sums: Result of `pool_sums` for the other members.

    Returns:
        (B, R * (H + C)).
    """
    total, terms = pool_sums(parts)
    return _mean_and_maximum(gates, total + sums[0], terms + sums[1]).flatten(1)
