"""Closed-form fits to a set of demonstrations: regressions, ranges, lines and circles.

Where a subject's position is a weighted sum of others, the weights are a regression over the
demonstrations; the attended often lie on one side of a line or beyond a threshold. Both are solved
in closed form and are inputs of the encoder (compare the inner solvers of Bertinetto et al.,
Meta-learning with differentiable closed-form solvers, ICLR 2019).
"""

from __future__ import annotations

import torch

from concept_control.energy.networks.attributes import mean_under, plain_features
from concept_control.energy.networks.features import size_feature, soft_length
from concept_control.energy.networks.measurement import NUM_MEASURES, measure
from concept_control.energy.networks.pooling import RAW_PLACES
from concept_control.energy.scene_batch import SceneBatch

_HYPOTHESES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""Whether the place depends on the place of the attended, and on the start of the subject."""

_SCALARS = (6, 7, 8, 15, 16, 17, 18, 19, 20, 21)
"""Of `plain_features`: distances to the marker and to the nearest, size, brightness, path,
distance to the middle, and how different each is from the marker and from the others."""

_DIRECTIONS = 3
NUM_FITS = 5 * len(_HYPOTHESES) + 5 * _DIRECTIONS + 4 * (len(_SCALARS) + 1)
NUM_AGREEMENTS = 4 * NUM_MEASURES + 2 * 4 + 3 * 6
_RIDGE = 0.002
_LIMIT = 3.0


def fit_demonstrations(
    scene: SceneBatch, raw: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Return the fits (C, NUM_FITS) to each set of demonstrations, invariant under its order.

    Args:
        scene: C * M events, the M demonstrations of each concept in a row.
        raw: (C * M, NUM_RAW) plain geometry, see `Statistics`.
        weights: (C, M) 1 for a demonstration, 0 for one to ignore.
    """
    places = _fit_places(raw[:, :RAW_PLACES].reshape(*weights.shape, 4, 2), weights)
    return torch.cat([places, _fit_choices(scene, weights)], dim=-1).clamp(-_LIMIT, _LIMIT)


def fit_agreement(scene: SceneBatch, raw: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return ranges, circles and lines (C, NUM_AGREEMENTS) of each set of demonstrations.

    Arguments as for `fit_demonstrations`.
    """
    measures = measure(scene, scene.attention.unsqueeze(1))[:, 0].unflatten(0, weights.shape)
    gate = weights.unsqueeze(-1)
    share = gate / gate.sum(dim=1, keepdim=True)
    mean = (share * measures).sum(dim=1)
    variance = (share * (measures - mean.unsqueeze(1)).square()).sum(dim=1)
    here = (gate > 0.5).expand_as(measures)
    least = measures.masked_fill(~here, _LIMIT).amin(dim=1)
    largest = measures.masked_fill(~here, -_LIMIT).amax(dim=1)
    places = raw[:, :RAW_PLACES].reshape(*weights.shape, 4, 2)
    subjects, attended, start = places[:, :, :3].unbind(dim=2)
    found = [mean, 0.5 * ((variance + 1e-4).log() + 4.0), least, largest]
    found += [_fit_circle(subjects, share), _fit_circle(subjects - attended, share)]
    for points in (subjects, subjects - attended, subjects - start):
        found.append(_fit_line(points, share))
    return torch.cat(found, dim=-1).clamp(-_LIMIT, _LIMIT)


def _fit_circle(points: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return (C, 4) middle, radius and log misfit of the circle through points (C, M, 2).

    Linear least squares of |p|² = 2 p·c + d (Kåsa, 1976), weighted by shares (C, M, 1).
    """
    square = points.square().sum(dim=-1, keepdim=True)
    mean, mean_square = (share * points).sum(dim=1), (share * square).sum(dim=1)
    causes = (points - mean.unsqueeze(1)) * share.sqrt()
    effect = (square - mean_square.unsqueeze(1)) * share.sqrt()
    slope = _ridge(causes, effect)
    misfit = (effect - torch.matmul(causes, slope)).square().sum(dim=1)
    center = 0.5 * slope[..., 0]
    radius = (points - center.unsqueeze(1)).square().sum(dim=-1, keepdim=True)
    radius = ((share * radius).sum(dim=1) + 1e-4).sqrt()
    return torch.cat([center, radius, 0.5 * ((misfit + 1e-4).log() + 4.0)], dim=-1)


def _fit_line(points: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return (C, 6) of the line that points (C, M, 2) are nearest to, by shares (C, M, 1).

    Twice its angle as a unit vector, the point on it that is nearest to the origin, and the
    logarithms of the spread across it and along it: total least squares in closed form.
    """
    mean = (share * points).sum(dim=1)
    x, y = ((points - mean.unsqueeze(1)) * share.sqrt()).unbind(dim=-1)
    xx, yy, xy = x.square().sum(dim=1), y.square().sum(dim=1), (x * y).sum(dim=1)
    turned = torch.stack([xx - yy, 2 * xy], dim=-1)
    # A squared length, so it is kept from zero by less than `soft_length` would.
    length = (turned.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()
    turned = turned / length
    cos, sin = turned.unbind(dim=-1)
    # n nᵀ applied to the mean, n the unit normal.
    foot_x = 0.5 * ((1 - cos) * mean[:, 0] - sin * mean[:, 1])
    foot_y = 0.5 * ((1 + cos) * mean[:, 1] - sin * mean[:, 0])
    total = (xx + yy).unsqueeze(-1)
    spreads = torch.cat([total - length, total + length], dim=-1).clamp(min=0.0)
    spreads = 0.5 * ((0.5 * spreads + 1e-4).log() + 4.0)
    return torch.cat([turned, torch.stack([foot_x, foot_y], dim=-1), spreads], dim=-1)


def _fit_places(places: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Regress where the subjects are on where the attended are and the subjects were.

    Args:
        places: (C, M, 4, 2) of subjects and attended after, then before.
        weights: (C, M).

    Returns:
        (C, 20): of each hypothesis both weights, the rest (2), and the logarithm of the misfit.
    """
    share = (weights / weights.sum(dim=1, keepdim=True))[..., None, None]
    mean = (share * places).sum(dim=1)
    centred = (places - mean.unsqueeze(1)) * share.sqrt()
    target, attended, start = centred[:, :, 0], centred[:, :, 1], centred[:, :, 2]
    causes = torch.stack([attended, start], dim=-1).flatten(1, 2)
    effect = target.flatten(1, 2).unsqueeze(-1)
    found = []
    for used in _HYPOTHESES:
        known = causes * causes.new_tensor(used)
        slope = _ridge(known, effect)[..., 0]
        rest = mean[:, 0] - (slope.unsqueeze(-1) * mean[:, 1:3]).sum(dim=1)
        misfit = (effect - torch.matmul(known, slope.unsqueeze(-1))).square().sum(dim=(1, 2))
        found += [slope, rest, 0.5 * ((misfit + 1e-4).log().unsqueeze(-1) + 4.0)]
    return torch.cat(found, dim=-1)


def _fit_choices(scene: SceneBatch, weights: torch.Tensor) -> torch.Tensor:
    """Fit directions in which, and thresholds beyond which, the attended differ from the others.

    Returns:
        (C, 5 * 3 + 4 * 11): of each direction its unit vector, how much it explains, the least of
        the attended and the largest of the others along it; of each number the least and largest
        of the attended and of the others.
    """
    plain, sizes = plain_features(scene), size_feature(scene.sizes)
    present = scene.present.unsqueeze(-1)
    gate = scene.subjects.unsqueeze(-1) * present
    candidates = present * (1 - gate)
    places = plain[..., :2]

    def rows(value: torch.Tensor) -> torch.Tensor:
        """Put the entities of all demonstrations of a concept (C * M, N, D) in a row."""
        return value.reshape(len(weights), -1, value.shape[-1])

    here = rows(candidates * weights.flatten()[:, None, None])
    chosen = rows(scene.attention.unsqueeze(-1)) > 0.5
    label = 2 * chosen.to(here.dtype) - 1
    share = here / (here.sum(dim=1, keepdim=True) + 1e-3)
    centred_label = (label - (share * label).sum(dim=1, keepdim=True)) * share.sqrt()
    found = []
    for vectors in (places, plain[..., 4:6], places - mean_under(places, candidates)):
        value = rows(vectors)
        centred = (value - (share * value).sum(dim=1, keepdim=True)) * share.sqrt()
        slope = _ridge(centred, centred_label)
        unit = slope / (soft_length(slope.transpose(1, 2)) + 1e-3)
        explained = torch.matmul(centred, slope).mul(centred_label).sum(dim=(1, 2))
        along = torch.matmul(value, unit)
        least, _ = _range(along, here, chosen)
        _, largest = _range(along, here, ~chosen)
        found += [unit[..., 0], explained.unsqueeze(-1), least, largest]
    numbers = rows(torch.cat([plain[..., _SCALARS], sizes - mean_under(sizes, gate)], dim=-1))
    for group in (chosen, ~chosen):
        found += _range(numbers, here, group)
    return torch.cat(found, dim=-1)


def _ridge(causes: torch.Tensor, effect: torch.Tensor) -> torch.Tensor:
    """Return (C, D, 1) the ridge regression of centred effects (C, R, 1) on causes (C, R, D)."""
    normal = torch.matmul(causes.transpose(1, 2), causes)
    normal = normal + _RIDGE * torch.eye(normal.shape[-1]).to(normal)
    return torch.linalg.solve(normal, torch.matmul(causes.transpose(1, 2), effect))


def _range(
    numbers: torch.Tensor, here: torch.Tensor, group: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return least and largest (C, D) of numbers (C, R, D) in a group (C, R, 1)."""
    missing = ~(group & (here > 0.5))
    least = numbers.masked_fill(missing, _LIMIT).amin(dim=1)
    return least, numbers.masked_fill(missing, -_LIMIT).amax(dim=1)
