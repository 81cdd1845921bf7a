"""Card of a trained model, for people: contents, training and success rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MODEL_CARD_FILE = 'MODEL_CARD.md'

_TEXT = """# Concept model: the papers' network

The default energy is another: bounds that demonstrations agree on, with a small prior of rules
(`rule_prior.json`) and a curve of confidence (`confidence.json`) as all that is trained. This
card is about the network that `ConceptModel.load(energy='network')` chooses.

An energy E(x, a, w) >= 0 over tabletop scenes: positions and attention of a few entities, a code
w of 2 x {code_width} numbers inferred from demonstrations. One network ({kind}, {parameters}
parameters) with an encoder of demonstrations ({encoder_parameters}). sqrt(E) of an outcome reads
as the distance, in workspace units, to where the concept holds.

* Weights: `{weights}`, SHA-256 `{sha256}`; schema {schema}.
* Made by `concept_control train`: {steps} steps in {minutes} minutes on {device}, seed {seed},
  source at commit {commit}.
* Trained families: {families}.
* Kept from training: {held_out}.

## How it was trained

Concepts of the families above are drawn in the particle world with fresh parameters all the time.
Seven of them are procedural, without names: random combinations of where things are (affine),
random lines (lines), random tests of a place (place_tests), random bounds of its measures
(measure_tests), random patterns up to similarity (arrangement), random tests of looks and place
(attribute_tests) and random comparisons with a number, the marker or the others (comparisons).

Codes are first embeddings of a concept's true parameters, then mostly the encoder's from 1 to
{shots} demonstrations; the encoder also learns to predict the former. Outcomes are labelled with
the particle world's distance to the nearest satisfying arrangement, masks with its predicate. This
knowledge of the true parameters and distances is used in training only. At run time there are
demonstrations: the encoder guesses a code from them, which gradient descent refines.

So the predicates that judge the trained families below have also labelled their training data;
what they judge are concepts with parameters that were not seen. For the families kept from
training they have labelled nothing. Some of those are single points of what the procedural
families draw from (opposite of affine, ell, rectangle and cross of arrangement, equidistant of
place_tests), which may come near them by chance; others are what was left out of those (upright
bands and discs in all corners of measure_tests, rising diagonals of lines, and of comparisons:
brighter than the marker, furthest from the nearest, the odd colour); pentagon is a shape like
those that were trained; beyond, second_closest and moved_most have no kin among them.

The numbers of the code inference (steps, rates, temperature) were chosen on other concepts of
families of both kinds, so the families kept from training are no untouched test of them.

## How well it does

Codes from 5 demonstrations by the {method}, {concepts} unseen concepts a family, 3 scenes each of
2 to 8 entities; judged by the predicates at their own tolerance. `error` is the distance to
satisfaction in workspace units (the workspace is 2 wide; at the default scale 0.1 is 24 mm).
`exact` counts masks equal to the demonstrated one, which concepts with several right answers do
not determine.

{table}

## What it is not good at

{weak}

Scenes with more than 11 entities, sizes outside 0.1 to 0.26 and positions outside the workspace
were not trained. Concepts far from all trained families may get a code that means something else:
check with demonstrations that were not used for inference.
"""


def write_model_card(folder: str | Path, card: dict[str, Any], parameters: dict[str, int]) -> None:
    """Write the card as a page beside the weights.

    Args:
        folder: Folder of the weights and `card.json`.
        card: Card as `save_model` returned it.
        parameters: Numbers of parameters of 'network' and 'encoder'.
    """
    results = card['metrics']['families']
    filled = {
        **card['network'],
        **card['metrics'],
        **card,
        'shots': card['training']['num_demonstrations'],
        'concepts': card['metrics']['concepts_per_family'],
        'parameters': f'{parameters["network"]:,}',
        'encoder_parameters': f'{parameters["encoder"]:,}',
        'families': ', '.join(card['families']),
        'held_out': ', '.join(card['held_out']) or 'none',
        'table': _table(results, set(card['held_out'])),
        'weak': _weak(results),
    }
    (Path(folder) / MODEL_CARD_FILE).write_text(_TEXT.format_map(filled))


def _table(families: dict[str, dict[str, float | None]], held_out: set[str]) -> str:
    lines = [
        '| family | generated | median error | 95 % error | identified | exact |',
        '|---|---|---|---|---|---|',
    ]
    for name, row in families.items():
        label = f'{name} (not trained)' if name in held_out else name
        cells = [
            _share(row['generated']),
            _length(row['median_error']),
            _length(row['worst_error']),
            _share(row['identified']),
            _share(row['exact']),
        ]
        lines.append(f'| {label} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _weak(families: dict[str, dict[str, float | None]], limit: float = 0.9) -> str:
    weak = [
        f'{name} ({operation} {100 * rate:.0f} %)'
        for name, row in families.items()
        for operation in ('generated', 'identified')
        if (rate := row[operation]) is not None and rate < limit
    ]
    if not weak:
        return 'No trained operation is below 90 % here.'
    return 'Below 90 % in this table: ' + ', '.join(weak) + '.'


def _share(value: float | None) -> str:
    return '' if value is None else f'{100 * value:.0f} %'


def _length(value: float | None) -> str:
    return '' if value is None else f'{value:.3f}'
