"""Fixed features of entities, pairs and attended sets, smooth in the positions."""

from __future__ import annotations

import torch

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
