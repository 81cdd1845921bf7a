"""The benchmark of concepts: problems that can be solved, numbers that repeat, a page to read."""

import json

import numpy as np
import pytest
import torch

from concept_control.benchmarks.concepts import composition
from concept_control.benchmarks.concepts.families import by_shots, summary
from concept_control.benchmarks.concepts.sampling import random_scene
from concept_control.benchmarks.concepts.speed import NaivePairwise
from concept_control.cli.main import main
from concept_control.concepts import families
from concept_control.energy.networks.energy_network import NetworkConfig


@pytest.mark.parametrize('depth', [1, 4])
def test_compositions_have_a_witness_and_are_not_solved_already(depth):
    rng = np.random.default_rng(depth)
    solved = 0
    for _ in range(5):
        scene, terms = composition._draw(families(), rng, depth)
        assert len({family.name for family, _, _ in terms}) == depth
        places = torch.from_numpy(np.random.default_rng(0).uniform(-0.95, 0.95, (2000, 2))).float()
        last = scene.positions[:, -1].repeat(len(places), 1, 1)
        last[:, 0] = places
        tried = scene.repeat(len(places)).with_outcome(last)
        held = composition.all_hold(terms, tried, composition.TOLERANCE)
        assert held.any()
        solved += held.mean() > 0.5
    assert solved <= 2


def test_family_numbers_repeat(model):
    chosen = {name: families()[name] for name in ('between', 'color', 'pentagon')}
    first = by_shots(model, chosen, seed=3, concepts=3, shots=(5,))
    # Nor do they depend on what else is judged.
    second = by_shots(model, {'between': chosen['between']}, seed=3, concepts=3, shots=(1, 5))
    assert json.dumps(first['between']['5']) == json.dumps(second['between']['5'])
    assert first['color']['5']['generated'] is None
    assert 0 <= second['between']['1']['generated']['low'] <= 1
    means = summary(first, 5)
    assert means['trained generated']['families'] == 1
    assert means['held_out generated']['worst_family'] == 'pentagon'


def test_the_naive_network_is_an_energy_of_a_set():
    torch.manual_seed(0)
    config = NetworkConfig()
    naive = NaivePairwise(config)
    scene = random_scene(3, 5, seed=1)
    code = torch.randn(1, config.code_width)
    order = torch.tensor([4, 2, 0, 1, 3])
    shuffled = type(scene)(*(value[:, order] for value in scene))
    torch.testing.assert_close(naive(shuffled, code), naive(scene, code), rtol=1e-4, atol=1e-5)
    assert (naive(scene, code) >= 0).all()


def test_the_command_writes_numbers_and_a_page(tmp_path, capsys):
    numbers, page = tmp_path / 'numbers.json', tmp_path / 'page.html'
    options = ['--quick', '--section', 'throughput', '--json', str(numbers), '--html', str(page)]
    assert main(['benchmark', 'concepts', *options]) == 0
    found = json.loads(numbers.read_text())
    assert found['throughput']['6']['agreement'] > 0
    assert set(found) == {'provenance', 'model', 'throughput'}
    assert 'naive' in capsys.readouterr().out
    assert page.read_text().count('<img') == 1
