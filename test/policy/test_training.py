"""Training in seconds: each recipe learns something, and says where it has not converged."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_control.cli.main import main
from concept_control.errors import ModelError
from concept_control.policy.datasets import FIGURES, load_figure
from concept_control.policy.descents import ChainConfig
from concept_control.policy.diagnostics import Diagnosis, TrainingMonitor, diagnose
from concept_control.policy.metrics import nearest
from concept_control.policy.model import load_policy, save_policy, shipped_names
from concept_control.policy.network import PolicyConfig, PolicyEnergy
from concept_control.policy.samplers import Expectation, ModeKeeping
from concept_control.policy.training import (
    RankingConfig,
    ThesisConfig,
    train_ranking,
    train_thesis,
)


def test_the_thesis_network_is_as_the_thesis_says():
    network = PolicyEnergy(PolicyConfig(is_thesis=True))
    kinds = [type(m).__name__ for m in network.state_features]
    assert 'LeakyReLU' in kinds and 'ELU' in [type(m).__name__ for m in network.action_features]
    assert isinstance(network.activation, torch.nn.ReLU)
    normed = [hasattr(getattr(network, f'layer{k}'), 'parametrizations') for k in range(4)]
    assert normed == [True, False, True, False]
    assert network.layer3.bias is None
    torch.manual_seed(0)
    for layer in (network.layer0, network.layer2):
        network.train()
        for _ in range(50):
            layer.weight  # noqa: B018  (each look is one power iteration)
        norm = float(torch.linalg.matrix_norm(layer.weight.detach(), 2))
        assert norm == pytest.approx(1.0, abs=0.02)


def test_a_contrastive_step_lowers_data_against_noise_and_chains_are_monitored(tmp_path):
    strokes, _ = load_figure('circle', num_strokes=8)
    chain = ChainConfig(20)
    monitor = TrainingMonitor(strokes, chain, tmp_path / 'live.png', every=30, pause=0.0)
    config = ThesisConfig(steps=60, batch=32, chain=chain, persistent=0.5, buffer=100)
    policy = train_thesis(strokes, config, monitor)
    assert set(monitor.history) == {30, 60}
    assert monitor.history[60].data < monitor.history[60].random
    assert (tmp_path / 'live.png').stat().st_size > 5000
    assert policy.card['recipe'] == 'thesis'


def test_the_thesis_recipe_converges_and_draws():
    strokes, _ = load_figure('circle', num_strokes=8)
    chain = ChainConfig(30, 0.2)
    config = ThesisConfig(steps=250, batch=64, chain=chain, action_noise=0.22, learning_rate=2e-3)
    policy = train_thesis(strokes, config)
    assert diagnose(policy.network, strokes, chain).problems == []
    lines = policy.rollout(np.zeros((5, 2)), Expectation(16, chain))
    assert np.median([nearest(line, strokes.positions)[0] for line in lines]) < 0.3


def test_ranking_learns_a_figure_in_seconds_and_survives_the_disk(tmp_path):
    strokes, _ = load_figure('path1', num_strokes=10)
    policy = train_ranking(strokes, RankingConfig(steps=250, batch=128, learning_rate=1e-2))
    line = policy.rollout()[0]
    assert nearest(line, strokes.positions)[0] < 0.12
    card = save_policy(policy, tmp_path / 'path1')
    np.testing.assert_array_equal(load_policy(card).rollout()[0], line)
    weights = card.with_suffix('.safetensors')
    weights.write_bytes(weights.read_bytes()[:-1] + b'x')
    with pytest.raises(ModelError, match='not the file its card describes'):
        load_policy(card)


def test_what_has_not_converged_says_so():
    flat = np.full(151, 1.0)
    rising = np.linspace(0.0, 1.5, 151)
    good = Diagnosis(flat, 100, 0.0, 0.1, 0.1, 5.0, distance=0.2, step_size=0.1)
    assert good.problems == [] and 'converged' in str(good)
    for changes, words in (
        ({'lengths': rising}, 'on their way'),
        ({'sample': 3.0, 'further': 3.0}, 'not of one distribution'),
        ({'further': 2.0}, 'another length'),
        ({'data': 5.0, 'random': 0.0}, 'nothing was learned'),
        ({'distance': 0.7}, '0.70 step lengths from demonstrated steps'),
    ):
        (problem,) = replace(good, **changes).problems
        assert words in problem
    strokes, _ = load_figure('circle', num_strokes=4)
    untrained = PolicyEnergy(PolicyConfig(is_thesis=True))
    assert diagnose(untrained, strokes, ChainConfig(20)).problems


def test_the_command_says_that_a_training_was_too_short(tmp_path, capsys):
    live = tmp_path / 'live.png'
    arguments = ['policy', 'train', 'circle', '--recipe', 'thesis', '--steps', '3']
    assert main([*arguments, '--chain', '5', '--live', str(live), '--output', str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert 'NOT CONVERGED' in said.err and 'E(data)' in said.out
    assert live.stat().st_size > 5000 and load_policy(tmp_path / 'circle.json').name == 'circle'


@pytest.mark.parametrize('name', FIGURES)
def test_the_shipped_policies_draw_their_figures_and_more_steps_change_nothing(name):
    assert name in shipped_names()
    policy = load_policy(name)
    strokes, modes = load_figure(name)
    starts = np.zeros((12, 2))
    lines = policy.rollout(starts, ModeKeeping(seed=1))
    found = [nearest(line, strokes.positions) for line in lines]
    assert np.median([distance for distance, _ in found]) < 0.03
    assert max(distance for distance, _ in found) < 0.06
    assert {modes[index] for _, index in found} == set(modes)
    longer = policy.rollout(starts, ModeKeeping(steps=65, seed=1))
    assert np.abs(lines - longer).max() < 0.01


def test_an_unknown_policy_is_refused_with_those_that_are_shipped():
    with pytest.raises(ModelError, match='circle'):
        load_policy('spiral')
