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
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from concept_control.energy.scene_batch import SceneBatch
from concept_control.world.events import DEFAULT_SIZE

NUM_PAIR_FEATURES = 7
"""Number of relative features of a pair, see `pair_features`."""

SHAPE_ORDERS = (2, 3, 4, 5, 6)
"""Orders of the moments that describe the shape of the attended set."""

DISTANCE_CENTERS = (0.4, 0.8, 1.15, 1.4, 1.6, 1.8, 2.0, 2.4)
"""Centres of the histogram of pair distances, relative to the root mean square radius."""

NUM_SHAPE = 3 + 2 * len(SHAPE_ORDERS) + 1 + len(DISTANCE_CENTERS)
"""Number of features of the attended set, see `attended_shape`."""

SOFT = 1e-4
"""Added under square roots, whose gradient is infinite at zero."""


def soft_length(vector: torch.Tensor) -> torch.Tensor:
    """Return the length (..., 1) of vectors (..., D), smooth at zero."""
    return (vector.square().sum(dim=-1, keepdim=True) + SOFT).sqrt()


def distances(positions: torch.Tensor) -> torch.Tensor:
    """Return (..., N, N) the smooth distances of all pairs of positions (..., N, 2)."""
    return soft_length(positions.unsqueeze(-2) - positions.unsqueeze(-3)).squeeze(-1)


def color_features(colors: torch.Tensor) -> torch.Tensor:
    """Return colours (..., 3) as given and at full brightness, (..., 6) in [-1, 1]."""
    return torch.cat(
        [2 * colors - 1, 2 * colors / (colors.amax(dim=-1, keepdim=True) + 0.05) - 1], dim=-1
    )


def size_feature(sizes: torch.Tensor) -> torch.Tensor:
    """Return (..., 1) twice the log ratio of sizes (...) to the default size."""
    return 2 * (sizes / DEFAULT_SIZE).log().unsqueeze(-1)


def pair_features(scene: SceneBatch) -> torch.Tensor:
    """Return the non-linear relative features of all ordered pairs.

    Returns:
        (B, N, N, NUM_PAIR_FEATURES): distances after and before, closeness after, squared colour
        distance and similarity, gap between the bodies, squared log ratio of sizes.
    """
    after, before = distances(scene.after), distances(scene.before)
    color = (scene.colors.unsqueeze(-2) - scene.colors.unsqueeze(-3)).square().sum(dim=-1)
    size_from, size_to = scene.sizes.unsqueeze(-1), scene.sizes.unsqueeze(-2)
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


def attended_shape(positions: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Describe the attended set's spread and its shape up to similarity.

    With z = (p - centroid) / rms radius as complex numbers, the moduli of the moments mean(z^n)
    are invariant under translation, rotation and scaling: for n = 2 it is 1 only on a line, for
    n = 2 and 3 it vanishes for a square. A smooth histogram of the pair distances over the rms
    radius is added.

    Args:
        positions: (B, N, 2) workspace units.
        attention: (B, G, N) in [0, 1], zero for padding.

    Returns:
        (B, G, NUM_SHAPE): radius, second moment with
        direction and size, moduli, squared moduli, excess fourth moment, histogram.
    """
    share = attention / (attention.sum(dim=-1, keepdim=True) + 1e-3)
    center = torch.matmul(share, positions).unsqueeze(2)
    offset = positions.unsqueeze(1) - center
    square = offset.square().sum(dim=-1)
    radius = ((share * square).sum(dim=-1, keepdim=True) + SOFT).sqrt()
    scaled = offset / radius.unsqueeze(-1)
    x, y = scaled.unbind(dim=-1)
    real, imaginary = x, y
    moments = []
    for _ in SHAPE_ORDERS:
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
        moments.append((share * real).sum(dim=-1))
        moments.append((share * imaginary).sum(dim=-1))
    modulus = torch.stack(moments, dim=-1).unflatten(-1, (len(SHAPE_ORDERS), 2))
    modulus = (modulus.square().sum(dim=-1) + SOFT).sqrt()
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


NUM_ROLES = 3
"""Subjects, attended, others; "others" are present and neither."""

NUM_PAIR_ROLES = 5
"""Pairs of roles, see `pair_gates`."""

_MOTION = 2
"""Number of motion features that are read, the first ones."""

NUM_ATTRIBUTES = 3 + 3 + 1 + _MOTION + 1
"""Number of attributes of an entity: colour, hue, size, motion, distance moved."""

NUM_RAW = 12 + 3 + 1 + 3 * 4 + NUM_SHAPE
"""Length of the raw geometry: positions, counts, spread, mean looks of each role, shape."""

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
    """

    learned: torch.Tensor
    raw: torch.Tensor


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

        known, places, single = self._encode_entities(scene, conditioning)
        learned = _pool(roles, single, self.single_channels(single))
        if self.pairwise:
            pairs = self._encode_pairs(scene, known, places, conditioning)
            gates = pair_gates(roles).flatten(-2)
            pooled = _pool(gates, pairs, self.pair_channels(pairs))
            learned = torch.cat([learned, pooled], dim=-1)
        return Statistics(learned, self._raw(scene, roles))

    def _encode_entities(
        self, scene: SceneBatch, conditioning: Conditioning
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return attributes (B, N, A), places after and before (B, N, 4), layer (B, N, H)."""
        moved = soft_length(scene.after - scene.before)
        looks = [color_features(scene.colors), size_feature(scene.sizes)]
        attributes = torch.cat([*looks, scene.motion[..., :_MOTION], moved - SOFT**0.5], dim=-1)
        scale, shift = conditioning.attributes.unsqueeze(-2).chunk(2, dim=-1)
        known = functional.silu(self.attribute_layer(attributes) * (1 + scale) + shift)
        places = torch.cat([scene.after, scene.before], dim=-1)
        scale, shift = conditioning.singles.unsqueeze(-2).chunk(2, dim=-1)
        single = self.single_layer(torch.cat([known, places], dim=-1))
        return known, places, functional.silu(single * (1 + scale) + shift)

    def _encode_pairs(
        self,
        scene: SceneBatch,
        known: torch.Tensor,
        places: torch.Tensor,
        conditioning: Conditioning,
    ) -> torch.Tensor:
        """Return the pair layer (B, N * N, H) of all ordered pairs."""
        scale, shift = conditioning.pairs.unsqueeze(-2).chunk(2, dim=-1)
        relative = self.relative_layer(places)
        source = (self.from_layer(known) + relative) * (1 + scale) + shift
        target = (self.to_layer(known) - relative) * (1 + scale)
        weights = self.pair_features * (1 + scale)
        pairs = (source.unsqueeze(2) + target.unsqueeze(1)).flatten(1, 2)
        pairs = pairs + torch.matmul(pair_features(scene).flatten(1, 2), weights)
        return functional.silu(pairs)

    def _raw(self, scene: SceneBatch, roles: torch.Tensor) -> torch.Tensor:
        """Return the plain geometry (B, G, NUM_RAW) under role gates (B, G, 3, N)."""
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


def _pool(gates: torch.Tensor, values: torch.Tensor, channels: torch.Tensor) -> torch.Tensor:
    """Return means of values (B, M, H), largest channels (B, M, C) under gates (B, G, R, M)."""
    flat = gates.flatten(1, 2)
    mean = torch.matmul(flat, values) / (flat.sum(dim=-1, keepdim=True) + _COUNT_FLOOR)
    terms = (_SMOOTH_MAX_RANGE * torch.tanh(channels / _SMOOTH_MAX_RANGE)).exp()
    largest = (torch.matmul(flat, terms) + _SMOOTH_MAX_FLOOR).log() / 4
    return torch.cat([mean, largest], dim=-1).reshape(*gates.shape[:2], -1)
