"""What a code says, in sentences, and which demonstration would decide between its readings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.bounds import KEPT, NEXT, Bounds
from concept_control.energy.agreement.elsewhere import at_places
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.fitted import POINT, Fitted
from concept_control.energy.measurements.heights import HEIGHT, PILE
from concept_control.energy.measurements.measurement import Measurement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.lowest_place import scattered_grid

_LIKELY = 0.05
"""Probability from which on a reading is told."""

_SPOT = 0.02
"""Distance from an anchor up to which a place is told by it alone [workspace units]."""

_FROM_SEVERAL = re.compile(
    r'\b(at|from|to|than|and|beside|right of|left of|above|below) what is meant'
)
"""Where several things are measured from as one."""

_MOST_READINGS = 4
_MOST_CERTAIN = 5
_SIDE = 40


def explain(code: AgreementCode) -> list[str]:
    """Return what a code says in sentences, the most certain first."""
    sentences: list[str] = []
    if code.placing is not None:
        sentences += _of_agreement(code.placing, 'it stands ')
    if code.arrangement is not None and code.rules is None:
        sentences += _of_agreement(code.arrangement, 'they stand with ')
    if code.counting is not None and code.rule_share < 0.5:
        sentences += _of_agreement(code.counting, 'what is meant: ')
    if code.rules is not None and code.rule_share >= 0.5:
        told = [(w, text) for w, text in code.rules.sentences() if w >= _LIKELY]
        sentences += [f'what is meant: {text}{_doubt(w)}' for w, text in told[:_MOST_READINGS]]
    return sentences or ['the demonstrations agree on nothing that can be said']


def _of_agreement(agreement: Agreement, start: str) -> Iterator[str]:
    bounds = agreement.bounds
    kind = bounds.kind[bounds.clause]
    is_kept = kind == KEPT
    # Of readings that are kept together, the likeliest stands for all.
    clauses = bounds.relevance.argsort(descending=True, stable=True).tolist()
    rows = (torch.nonzero(is_kept & (bounds.clause == clause))[:, 0] for clause in clauses)
    certain = [_likeliest_first(bounds, each) for each in rows if len(each)]
    # What stands on what tells most to people; sorted distances and edges tell least.
    certain.sort(key=lambda rows: _telling(agreement.measurements[rows[0]]))
    for row, *others in certain:
        name, upper = agreement.measurements[row].name, _upper(bounds, row)
        if not others and name.endswith(': distance') and upper < _SPOT:
            yield start + _bound(agreement, row)
            return  # what else is certain, or may be, follows from the place
    told = list(dict.fromkeys(' or '.join(_readings(agreement, rows)) for rows in certain))
    for sentence in told[:_MOST_CERTAIN]:
        yield start + sentence
    if len(told) > _MOST_CERTAIN:
        yield f'and {len(told) - _MOST_CERTAIN} more measurements as they were shown'
    if any(isinstance(agreement.specs[row], Fitted) for row, *_ in certain):
        return  # what else holds follows from the place
    doubts = torch.nonzero((kind == NEXT) & (bounds.weight >= _LIKELY / 5))[:, 0]
    for sentence in _readings(agreement, _likeliest_first(bounds, doubts)):
        yield f'perhaps {start}{sentence}'


def _likeliest_first(bounds: Bounds, rows: torch.Tensor) -> list[int]:
    order = bounds.weight[rows].argsort(descending=True, stable=True)
    return rows[order].tolist()


def _readings(agreement: Agreement, rows: list[int]) -> list[str]:
    """Return what the likely ones of some readings say, and how likely they are."""
    weights: dict[str, float] = {}
    sentences: dict[str, str] = {}
    for row in rows:
        # The same direction, measured from neighbouring ones, is one reading to people.
        measured, said = agreement.measurements[row], _bound(agreement, row)
        key = said.partition(', in direction')[0] if measured.heading is not None else said
        sentences.setdefault(key, said)
        weights[key] = weights.get(key, 0.0) + float(agreement.bounds.weight[row])
    likely = sorted((key for key in weights if weights[key] >= _LIKELY), key=lambda k: -weights[k])
    return [sentences[key] + _doubt(weights[key]) for key in likely[:_MOST_READINGS]]


def _telling(measurement: Measurement) -> int:
    is_hard = 'distance ' in measurement.name or 'sticking out' in measurement.name
    return is_hard - (measurement.topic in (HEIGHT, PILE))


def _bound(agreement: Agreement, row: int) -> str:
    bounds, spec = agreement.bounds, agreement.specs[row]
    if isinstance(spec, Fitted) and spec.kind == POINT:
        said = f'at {spec.point_words()}, within {float(bounds.scale[row]):.2f}'
    else:
        lower = -torch.inf if float(bounds.open_lower[row]) > 0.5 else float(bounds.lower[row])
        said = agreement.measurements[row].sentence(lower, _upper(bounds, row))
    if agreement.count[0] > 1:
        said = _FROM_SEVERAL.sub(r'\1 the middle of what is meant', said)
    return said


def _upper(bounds: Bounds, row: int) -> float:
    return torch.inf if float(bounds.open_upper[row]) > 0.5 else float(bounds.upper[row])


def _doubt(weight: float) -> str:
    return '' if weight > 0.95 else f' ({100 * weight:.0f} %)'


def readings(agreement: Agreement) -> list[tuple[float, Agreement]]:
    """Return the likeliest readings and their weights: what is certain, and one doubt each."""
    bounds = agreement.bounds
    kind = bounds.kind[bounds.clause]
    kept = torch.nonzero(kind == KEPT)[:, 0]
    doubts = torch.nonzero((kind == NEXT) & (bounds.weight >= _LIKELY))[:, 0]
    found = [
        (float(bounds.weight[row]), agreement.pick(torch.cat([kept, row[None]]))) for row in doubts
    ]
    nothing = 1 - sum(weight for weight, _ in found)
    if len(kept):
        found.append((nothing, agreement.pick(kept)))
    return sorted(found, key=lambda reading: -reading[0])


def propose(agreement: Agreement, scene: SceneBatch, generator: torch.Generator) -> torch.Tensor:
    """Return the places (B, 2) of the subject where the readings differ most.

    Shown one of them as an example, or refused, half of the readings fall away.

    Args:
        agreement: Agreement about one subject.
        scene: B scenes.
        generator: Random generator of the places that are compared.
    """
    every = readings(agreement)
    weights = torch.tensor([weight for weight, _ in every])
    weights = weights / weights.sum()
    places = []
    for one in scene.split(1):
        grid = 0.95 * scattered_grid(1, _SIDE, generator)
        view = at_places(SceneView(one), grid)
        says = torch.stack([(-reading.energy(view)).exp() for _, reading in every])
        mean = weights @ says
        variance = weights @ (says - mean).square()
        places.append(grid[0, variance.argmax()])
    return torch.stack(places)
