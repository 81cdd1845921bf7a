"""Usual bounds: what is learned is what the predicates ask, and few demonstrations then say it."""

from pathlib import Path

import numpy as np
import pytest
import torch

import concept_control
from concept_control.concepts.registry import families
from concept_control.energy.agreement.placing import PlacingInference
from concept_control.energy.agreement.scorer import RuleScorer, load_scorer, save_scorer
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.errors import ModelError
from concept_control.training.usual_bounds import fit_usual_bounds, train_usual_bounds


def test_bounds_that_are_the_same_for_all_are_learned_and_come_back(tmp_path):
    scorer = RuleScorer()
    before = scorer.places.regions.clone()
    known = {name: families()[name] for name in ('near', 'offset', 'disc')}
    fit_usual_bounds(scorer.places, known, np.random.default_rng(0), 2, 6)
    # "near" is 0.21 to 0.36 from the other; vectors differ from concept to concept.
    assert scorer.places.names == (('attended: distance', 1),)
    lower, upper, side, _ = scorer.places.bounds[0].tolist()
    assert (lower, upper) == pytest.approx((0.21, 0.36), abs=0.01)
    assert side == 0
    # Discs were shown where nothing is attended; of several attended nothing was.
    disc, rest = scorer.places.regions[0].split([1, 4])
    assert disc > before[0, 0] + 1 and disc > rest.max()
    torch.testing.assert_close(scorer.places.regions[2], before[2])
    save_scorer(scorer, {}, tmp_path)
    again = load_scorer(tmp_path).places
    found, expected = (each.usual(placement_measurements(), 1) for each in (again, scorer.places))
    torch.testing.assert_close(found.odds, expected.odds)
    torch.testing.assert_close(found.lower, expected.lower)
    torch.testing.assert_close(again.regions, scorer.places.regions)
    assert not len(again.usual(placement_measurements(), 0).index)


def test_far_has_no_end():
    scorer = RuleScorer()
    known = {name: families()[name] for name in ('far', 'offset')}
    fit_usual_bounds(scorer.places, known, np.random.default_rng(0), 2, 6)
    assert scorer.places.names == (('attended: distance', 1),)
    lower, _, side, _ = scorer.places.bounds[0].tolist()
    assert lower == pytest.approx(1.0, abs=0.03) and side == 1


def test_what_is_usual_to_one_side_is_usual_to_all_four():
    scorer = RuleScorer()
    known = {name: families()[name] for name in ('left_of', 'offset')}
    fit_usual_bounds(scorer.places, known, np.random.default_rng(0), 2, 6)
    cones = [
        (name, *bounds)
        for (name, _), bounds in zip(scorer.places.names, scorer.places.bounds.tolist())
        if ': angle' in name
    ]
    assert {name for name, *_ in cones} == {f'attended: angle {way}' for way in (0, 90, 180, 270)}
    # The cone is 27° to either side, whichever that is.
    assert np.allclose([cone[1:4] for cone in cones], (-0.471, 0.471, 0), atol=0.02)
    assert len({cone[4] for cone in cones}) == 1


def test_halves_of_the_table_are_usual_on_every_side():
    scorer = RuleScorer()
    known = {name: families()[name] for name in ('half', 'half_plane')}
    fit_usual_bounds(scorer.places, known, np.random.default_rng(0), 4, 8)
    found = dict(zip(scorer.places.names, scorer.places.bounds.tolist()))
    for face in ('left', 'lower', 'right', 'upper'):
        lower, upper, side, _ = found[f'table: {face} edge', 0]
        assert side == (1 if face in ('left', 'lower') else -1)
        assert (lower if side > 0 else upper) == pytest.approx(0.0, abs=0.02)


def test_usual_bounds_need_priors_beside(tmp_path):
    with pytest.raises(ModelError, match='rule_prior'):
        train_usual_bounds(tmp_path, families(), 0)


@pytest.mark.parametrize('shots', [1, 5])
def test_demonstrations_within_a_usual_cone_allow_all_of_it(shots):
    scorer = load_scorer(Path(concept_control.__file__).parent / 'models')
    rng = np.random.default_rng(shots)
    family = families()['left_of']
    shown = scene_batch_from_events(family.sample(rng, family.sample_concepts(rng, 1), shots))
    with torch.no_grad():
        found = PlacingInference(shown, torch.Generator().manual_seed(0), scorer.places).infer()
    bounds = found.bounds
    width = [
        float(weight * bounds.relevance[clause])
        for spec, weight, clause, low, high in zip(
            found.specs, bounds.weight, bounds.clause, bounds.lower, bounds.upper
        )
        if str(spec).startswith('attended: angle')
        and float(high - low) == pytest.approx(0.92, abs=0.05)
    ]
    assert max(width) > (0.9 if shots > 1 else 0.1)
