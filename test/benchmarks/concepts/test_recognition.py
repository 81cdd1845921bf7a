"""Recognition: episodes, baselines that learn, and a run end to end."""

import numpy as np
import pytest
import torch

from concept_control.benchmarks.concepts import recognition as protocol
from concept_control.benchmarks.concepts.recognition_baselines import (
    Maml,
    MatchingNetwork,
    trained,
)
from concept_control.benchmarks.concepts.recognition_pool import SHOTS, draw_pool
from concept_control.concepts import families, held_out_families
from concept_control.energy.model import ConceptModel

NAMES = ('place', 'offset', 'corner', 'quadrant')


@pytest.fixture(scope='module')
def pool():
    some = {name: families()[name] for name in NAMES}
    return draw_pool(some, np.random.default_rng(0), 12, 1, 'test')


def test_an_episode_has_no_concept_twice_and_any_may_be_in_it(pool):
    rng, met = np.random.default_rng(0), set()
    for _ in range(30):
        rows = pool.episode(rng, 8, same_family=False)
        assert len(set(pool.concepts[rows])) == 8
        alone = pool.episode(rng, 5, same_family=True)
        assert len(set(pool.concepts[alone])) == 5 and len(set(pool.families[alone])) == 1
        met |= set(pool.concepts[alone])
    assert len(met) == 24  # all of both families
    # A corner is a corner and there are four quadrants: neither makes five concepts.
    assert [NAMES[i] for i in pool.families_with(5)] == ['place', 'offset']
    assert 'quadrant' in [NAMES[i] for i in pool.families_with(3)]


def test_a_pool_hands_out_the_events_of_its_rows(pool):
    shown, asked = pool.events(np.array([3, 0]), 0, 2), pool.events(np.array([3, 0]), SHOTS, 1)
    each = SHOTS + 1
    rows = [3 * each, 3 * each + 1, 0, 1]
    torch.testing.assert_close(shown.after, pool.scene.after[rows])
    torch.testing.assert_close(asked.after, pool.scene.after[[3 * each + SHOTS, SHOTS]])
    # A place is where the subject stands, whoever else is there.
    stood = (shown.after * shown.subjects[..., None]).sum(dim=1)
    torch.testing.assert_close(stood[0], stood[1])


def test_test_concepts_are_fresh_or_of_held_out_families():
    names = protocol.draw_test_pool(0, 2).names
    assert set(held_out_families()) < set(names)
    assert 'offset' in names and 'between' not in names


@pytest.mark.parametrize('make', [MatchingNetwork, Maml])
def test_baselines_do_not_depend_on_the_order_of_concepts(make, pool):
    torch.manual_seed(0)
    method = make()
    rows, turned = np.array([0, 5, 14, 20]), [2, 0, 3, 1]

    def scores(order):
        return method(pool.events(order, 0, 3), pool.events(rows, SHOTS, 1), 4).detach()

    torch.testing.assert_close(scores(rows[turned]), scores(rows)[:, turned])


def test_maml_learns_from_the_demonstrations_and_passes_gradients_on(pool):
    torch.manual_seed(0)
    maml = Maml()
    rows = np.array([0, 3, 7])
    shown = pool.events(rows, 0, SHOTS)
    logits = maml(shown, shown, 3)
    truth = torch.arange(3).repeat_interleave(SHOTS)
    loss = torch.nn.functional.cross_entropy(logits, truth)
    assert loss < np.log(3) - 0.02
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in maml.parameters())


def test_a_trained_baseline_is_kept_and_seeded(pool, tmp_path):
    first = trained(MatchingNetwork, 'matching network', pool, 0, tmp_path, steps=3)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = trained(MatchingNetwork, 'matching network', pool, 0, tmp_path, steps=3)
    assert path.stat().st_mtime_ns == written
    path.unlink()
    anew = trained(MatchingNetwork, 'matching network', pool, 0, tmp_path, steps=3)
    for name, value in first.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
        torch.testing.assert_close(anew.state_dict()[name], value, rtol=0, atol=0)


def test_a_tiny_run_reports_every_method(tmp_path):
    result = protocol.run(
        ConceptModel.load(),
        quick=True,
        folder=tmp_path,
        num_ways=(3, 5),
        num_shots=(1,),
    )
    for settings in result['accuracy'].values():
        found = settings['5-way 1-shot']
        assert set(found) == {
            'energy', 'network', 'matching network', 'nearest centroid', 'MAML',
        }  # fmt: skip
        assert all(0 <= one['low'] <= one['value'] <= one['high'] <= 1 for one in found.values())
    assert [row[0] for row in protocol.rows(result)] == [
        f'recognition {ways}-way 1-shot, {variant} family'
        for variant in ('any', 'one')
        for ways in (3, 5)
    ]
