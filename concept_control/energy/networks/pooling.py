"""Permutation-invariant statistics of a scene under attention, factored to be fast.

The pairwise energy of arXiv 1811.02486 sums g(x_i, x_j, w) over all pairs under one gate. Here
the sum is kept apart by role (subject to attended, attended to attended, ...), because one gate
for all pairs confuses who does what to whom, and g's first layer is factored per entity:

    g(x_i, x_j) = W2 silu(U x_i + V x_j + R n_ij + c(w)),

so that the O(N²) part is only an addition, a few relative features n_ij and the non-linearity;
W2 is linear and acts after the gated sum. Pairs see positions relative to each other only;
absolute positions enter the sums over single entities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.scene_batch import NUM_MOTION_FEATURES, SceneBatch
from concept_control.world.events import DEFAULT_SIZE

NUM_PAIR_ROLES = 5
"""Subject to attended, attended to attended, subject to subject, subject to others, attended to
others; "others" are present and neither."""

NUM_ROLES = 3
"""Subjects, attended, others."""

NUM_PAIR_FEATURES = 7
NUM_ATTRIBUTES = 3 + 3 + 1 + NUM_MOTION_FEATURES + 1
SHAPE_ORDERS = (2, 3, 4, 5, 6)
DISTANCE_CENTERS = (0.4, 0.8, 1.15, 1.4, 1.6, 1.8, 2.0, 2.4)
NUM_RAW = 12 + 3 + 4 + 3 * 4 + len(SHAPE_ORDERS) * 2 + 1 + len(DISTANCE_CENTERS)
RAW_PLACES = 8
"""The raw geometry begins with the means of subjects and attended after, then before."""

RAW_SECOND_MOMENT = 12 + 3 + 1 + 3 * 4 + 1
"""Where the second moment of the attended, two numbers, lies in the raw geometry."""

_SOFT = 1e-4
_SMOOTH_MAX_RANGE = 12.0
_SMOOTH_MAX_FLOOR = math.exp(-8.0)


class Conditioning(NamedTuple):
    """What a code turns into for the pooling: one row per event.

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
        learned: (B, G, num_learned) learned sums and smooth maxima.
        raw: (B, G, NUM_RAW) plain geometry: centroids, counts, spreads, similarity-invariant
            moments of the attended set.
        single: (B, N, H) the layer of single entities, whatever is attended.
        pairs: (B, N, N, H) the layer of ordered pairs; None where pairs are not looked at.
    """

    learned: torch.Tensor
    raw: torch.Tensor
    single: torch.Tensor
    pairs: torch.Tensor | None


class ScenePooling(nn.Module):
    """Pool pairs and single entities by role, conditioned on a code.

    Args:
        code_width: length of the conditioning vector.
        hidden: H, width of the pair and single layers.
        attribute_width: A, width of the layer that reads colour, size and motion.
        channels: number of smooth-max channels.
        pairwise: whether pairs are looked at; False leaves the unary statistics of the workshop
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
        """Return what `code` (B, code_width) turns into; compute it once per concept."""
        return Conditioning(
            self.attribute_film(code), self.pair_film(code), self.single_film(code)
        )

    def forward(
        self, scene: SceneBatch, attention: torch.Tensor, conditioning: Conditioning
    ) -> Statistics:
        """Pool.

        Args:
            scene: B events; its own attention is not looked at.
            attention: (B, G, N) in [0, 1], G masks per event.
            conditioning: rows for the B events, or one row for all.
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
        """Return what is known of each entity (B, N, A), its places (B, N, 4), its layer."""
        moved = soft_length(scene.after - scene.before)
        looks = [color_features(scene.colors), size_feature(scene.sizes)]
        attributes = torch.cat([*looks, scene.motion, moved - _SOFT**0.5], dim=-1)
        scale, shift = conditioning.attributes.unsqueeze(-2).chunk(2, dim=-1)
        known = functional.silu(self.attribute_layer(attributes) * (1 + scale) + shift)
        places = torch.cat([scene.after, scene.before], dim=-1)
        scale, shift = conditioning.singles.unsqueeze(-2).chunk(2, dim=-1)
        single = self.single_layer(torch.cat([known, places], dim=-1))
        return known, places, functional.silu(single * (1 + scale) + shift)

    def encode_pair_ends(
        self, known: torch.Tensor, places: torch.Tensor, conditioning: Conditioning
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the factored first layer of pairs: from (B, N, H), to (B, N, H), R (B, F, H)."""
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
        """Return the layer of all ordered pairs (B, N, N, H)."""
        source, target, weights = self.encode_pair_ends(known, places, conditioning)
        pairs = (source.unsqueeze(2) + target.unsqueeze(1)).flatten(1, 2)
        pairs = pairs + torch.matmul(pair_features(scene).flatten(1, 2), weights)
        count = known.shape[1]
        return functional.silu(pairs).unflatten(1, (count, count))

    def _pool_pairs(self, roles: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
        batch, num_entities = pairs.shape[:2]
        subjects, attended, others = roles.unbind(dim=2)
        apart = 1 - torch.eye(num_entities, dtype=attended.dtype, device=attended.device)
        gates = torch.stack(
            [
                subjects.unsqueeze(-1) * attended.unsqueeze(-2),
                attended.unsqueeze(-1) * attended.unsqueeze(-2),
                subjects.unsqueeze(-1) * subjects.unsqueeze(-2),
                subjects.unsqueeze(-1) * others.unsqueeze(-2),
                attended.unsqueeze(-1) * others.unsqueeze(-2),
            ],
            dim=2,
        )
        gates = (gates * apart).reshape(batch, attended.shape[1], NUM_PAIR_ROLES, -1)
        flat = pairs.flatten(1, 2)
        return self._pool(gates, flat, self.pair_channels(flat))

    def _pool(
        self, gates: torch.Tensor, values: torch.Tensor, channels: torch.Tensor
    ) -> torch.Tensor:
        """Pool values (B, M, H) and channels (B, M, C) under gates (B, G, R, M)."""
        batch, masks = gates.shape[:2]
        flat = gates.flatten(1, 2)
        mean = torch.matmul(flat, values) / (flat.sum(dim=-1, keepdim=True) + 0.05)
        terms = torch.matmul(flat, smooth_max_terms(channels))
        largest = (terms + _SMOOTH_MAX_FLOOR).log() / 4
        return torch.cat([mean, largest], dim=-1).reshape(batch, masks, -1)

    def shape_of(self, scene: SceneBatch, roles: torch.Tensor) -> torch.Tensor:
        """Return the shape of the attended set, see `attended_shape`."""
        return attended_shape(scene.after, roles[:, :, 1])

    def raw(
        self, scene: SceneBatch, roles: torch.Tensor, shape: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the plain geometry (B, G, NUM_RAW) under roles (B, G, 3, N).

        Args:
            scene: B events.
            roles: gates of subjects, attended and others.
            shape: the attended set's shape, where it is known already.
        """
        counts = roles.sum(dim=-1)
        share = roles / (counts + 1e-3).unsqueeze(-1)
        looks = torch.cat([scene.colors, size_feature(scene.sizes)], dim=-1)
        looks_mean = torch.matmul(share.flatten(1, 2), looks).reshape(
            roles.shape[0], roles.shape[1], -1
        )
        after = torch.matmul(share.flatten(1, 2), scene.after).reshape(
            roles.shape[0], roles.shape[1], NUM_ROLES, 2
        )
        before = torch.matmul(share.flatten(1, 2), scene.before).reshape(
            roles.shape[0], roles.shape[1], NUM_ROLES, 2
        )
        from_attended = after[:, :, 0] - after[:, :, 1]
        from_start = after[:, :, 0] - before[:, :, 0]
        plain = torch.cat(
            [after[:, :, :2].flatten(2), before[:, :, :2].flatten(2), from_attended, from_start],
            dim=-1,
        )
        if shape is None:
            shape = self.shape_of(scene, roles)
        spread = (
            share[:, :, 0]
            * (scene.after.unsqueeze(1) - after[:, :, 0].unsqueeze(2)).square().sum(dim=-1)
        ).sum(dim=-1, keepdim=True)
        return torch.cat([plain, counts / 4, (spread + _SOFT).sqrt(), looks_mean, shape], dim=-1)


def soft_length(vector: torch.Tensor) -> torch.Tensor:
    """Return the length (..., 1) of vectors (..., D), smooth at zero."""
    return (vector.square().sum(dim=-1, keepdim=True) + _SOFT).sqrt()


def distances(positions: torch.Tensor) -> torch.Tensor:
    """Return (..., N, N) the smooth distances of all pairs of positions (..., N, 2)."""
    return soft_length(positions.unsqueeze(-2) - positions.unsqueeze(-3)).squeeze(-1)


def color_features(colors: torch.Tensor) -> torch.Tensor:
    """Return (..., 6) colours (..., 3) as they are and at full brightness, in [-1, 1]."""
    return torch.cat(
        [2 * colors - 1, 2 * colors / (colors.amax(dim=-1, keepdim=True) + 0.05) - 1], dim=-1
    )


def size_feature(sizes: torch.Tensor) -> torch.Tensor:
    """Return (..., 1) how much larger than usual sizes (...) are, zero for usual."""
    return 2 * (sizes / DEFAULT_SIZE).log().unsqueeze(-1)


def pair_features(scene: SceneBatch) -> torch.Tensor:
    """Return the non-linear relative features of all ordered pairs.

    Returns:
        (B, N, N, NUM_PAIR_FEATURES): distance after and before, closeness after, colour
        distance and sameness, gap between the bodies, squared log ratio of sizes.
    """
    return _pair_features(
        distances(scene.after),
        distances(scene.before),
        (scene.colors.unsqueeze(-2) - scene.colors.unsqueeze(-3)).square().sum(dim=-1),
        scene.sizes.unsqueeze(-1),
        scene.sizes.unsqueeze(-2),
    )


def pair_features_between(scene: SceneBatch, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
    """Return `pair_features` of the listed pairs only: (B, M, NUM_PAIR_FEATURES)."""
    # `index_select` takes a fifth of the time of indexing with tensors.
    size_from, size_to = scene.sizes.index_select(1, i), scene.sizes.index_select(1, j)
    after, before, color = (
        values.index_select(1, i) - values.index_select(1, j)
        for values in (scene.after, scene.before, scene.colors)
    )
    return _pair_features(
        soft_length(after).squeeze(-1),
        soft_length(before).squeeze(-1),
        color.square().sum(dim=-1),
        size_from,
        size_to,
    )


def _pair_features(
    after: torch.Tensor,
    before: torch.Tensor,
    color: torch.Tensor,
    size_from: torch.Tensor,
    size_to: torch.Tensor,
) -> torch.Tensor:
    return torch.stack(
        [
            after,
            before,
            torch.exp(-4 * after.square()),
            color,
            torch.exp(-12 * color),
            torch.tanh(4 * (after - (size_from + size_to) / 2)),
            (size_from / size_to).log().square(),
        ],
        dim=-1,
    )


def smooth_max_terms(channels: torch.Tensor) -> torch.Tensor:
    """Return the bounded exponentials whose gated sum's logarithm is the smooth maximum."""
    return (_SMOOTH_MAX_RANGE * torch.tanh(channels / _SMOOTH_MAX_RANGE)).exp()


Part = tuple[torch.Tensor, torch.Tensor, nn.Module]
"""Members pooled together: gates (R, M'), values (B or 1, M', H), the channels' layer."""


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
    """Pool parts of the members under fixed gates, as `ScenePooling` does all at once.

    Args:
        gates: (R, M) of all members.
        parts: the members that are not in `sums` yet; at least one part, which may be empty.
        sums: from `pool_sums`, the members that are.

    Returns:
        (B, R * (H + C)).
    """
    total, terms = pool_sums(parts)
    mean = (total + sums[0]) / (gates.sum(dim=-1)[:, None] + 0.05)
    largest = (terms + sums[1] + _SMOOTH_MAX_FLOOR).log() / 4
    return torch.cat([mean, largest], dim=-1).flatten(1)


def attended_shape(positions: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Describe the attended set's spread and its shape up to similarity.

    With z = (p - centroid) / rms radius as complex numbers, the moments mean(z^n) have moduli
    that no translation, rotation or scaling changes: n = 2 is 1 only on a line, n = 2, 3 vanish
    for a square, and so on. Beside them stands a smooth histogram of the pair distances over
    the rms radius.

    Args:
        positions: (B, N, 2) workspace units.
        attention: (B, G, N) in [0, 1], zero for padding.

    Returns:
        (B, G, 3 + 2 * len(SHAPE_ORDERS) + 1 + len(DISTANCE_CENTERS)).
    """
    share = attention / (attention.sum(dim=-1, keepdim=True) + 1e-3)
    center = torch.matmul(share, positions).unsqueeze(2)
    offset = positions.unsqueeze(1) - center
    square = offset.square().sum(dim=-1)
    radius = ((share * square).sum(dim=-1, keepdim=True) + _SOFT).sqrt()
    scaled = offset / radius.unsqueeze(-1)
    x, y = scaled.unbind(dim=-1)
    real, imaginary = x, y
    moments = []
    for _ in SHAPE_ORDERS:
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
        moments.append((share * real).sum(dim=-1))
        moments.append((share * imaginary).sum(dim=-1))
    modulus = torch.stack(moments, dim=-1).unflatten(-1, (len(SHAPE_ORDERS), 2))
    modulus = (modulus.square().sum(dim=-1) + _SOFT).sqrt()
    fourth = (share * (x.square() + y.square()).square()).sum(dim=-1, keepdim=True)
    # The second moment with its direction and size serves "aligned in x" and "in y".
    second = torch.stack(moments[:2], dim=-1) * radius

    num_entities = positions.shape[1]
    gate = share.unsqueeze(-1) * share.unsqueeze(-2)
    apart = 1 - torch.eye(num_entities, dtype=gate.dtype, device=gate.device)
    gate = (gate * apart).flatten(-2)
    apart_by = distances(positions).flatten(-2).unsqueeze(1) / radius
    bins = [
        (gate * torch.exp(-8 * (apart_by - center_).square())).sum(dim=-1)
        for center_ in DISTANCE_CENTERS
    ]
    return torch.cat(
        [
            radius,
            second,
            modulus,
            modulus.square(),
            fourth - 1,
            torch.stack(bins, dim=-1),
        ],
        dim=-1,
    )
