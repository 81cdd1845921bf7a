"""Meta-training: it learns, resumes exactly, reports honestly, refuses nonsense."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_control.cli import train as train_command
from concept_control.concepts import families
from concept_control.energy.inference.objectives import (
    denoising,
    distance_loss,
    info_nce,
    kl_sampler,
    mask_loss,
    softplus_contrast,
    target_norm,
)
from concept_control.energy.model import ConceptModel
from concept_control.energy.networks.energy_network import NetworkConfig
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.errors import EventError, ModelError
from concept_control.training.config import TrainingConfig
from concept_control.training.encoder_phase import train_encoder
from concept_control.training.pool import ConceptPool
from concept_control.training.processes import Processes
from concept_control.training.report import FamilyReport
from concept_control.training.train import Trainer, collapse_warnings

TINY = TrainingConfig(
    families=('place', 'between', 'color'),
    network=NetworkConfig(
        code_width=8,
        hidden=16,
        attribute_width=8,
        channels=4,
        head_width=24,
        num_outputs=4,
        member_width=8,
        member_attributes=2,
        member_decides=True,
        place_points=2,
        intervals=True,
        encoder_hidden=16,
        encoder_width=32,
        encoder_direct=16,
        encoder_fits=True,
    ),
    steps=8,
    epoch_steps=4,
    concepts_per_step=6,
    concepts_per_chunk=3,
    pool_size=8,
    num_demonstrations=5,
    mining_interval=3,
    warmup_steps=2,
    oracle_share=0.3,
    inference_training_steps=2,
    evaluation_concepts=2,
)


def train(config, folder):
    trainer = Trainer(config, families(), folder)
    trainer.run(on_report=lambda text: None)
    return trainer


def test_a_run_repeats_and_resumes_exactly(tmp_path):
    whole = train(TINY, tmp_path / 'whole')
    # The schedule is that of eight steps; the run is stopped after four.
    stopped = Trainer(TINY, families(), tmp_path / 'part')
    while stopped.step < 4:
        stopped.advance()
    stopped.save_checkpoint()
    resumed = Trainer.resume(families(), tmp_path / 'part')
    assert resumed.step == 4
    resumed.run(on_report=lambda text: None)
    for name, value in whole.learner.state_dict().items():
        assert torch.equal(value, resumed.learner.state_dict()[name]), name


def test_what_was_trained_can_be_loaded(tmp_path):
    trainer = train(TINY, tmp_path)
    reports = trainer.final_report(lambda text: None)
    trainer.save_model(reports, tmp_path / 'model')
    model = ConceptModel.load(tmp_path / 'model')
    assert model.card['families'] == ['between', 'color', 'place']
    assert set(model.card['metrics']['families']) == {'between', 'color', 'place'}
    assert model.card['training']['seed'] == 0
    page = (tmp_path / 'model' / 'MODEL_CARD.md').read_text()
    assert model.card['sha256'] in page and '| between |' in page


class Pair(Processes):
    """The first of two processes, given the gradients of the second by hand."""

    def __init__(self, rank, second=None):
        super().__init__(rank, 2)
        self.second = second

    def agree(self, value):
        return value

    def average_gradients(self, parameters):
        for mine, other in zip(parameters, self.second.parameters(), strict=True):
            mine.grad = (mine.grad + other.grad) / 2


def test_concepts_that_cannot_be_shown_are_drawn_anew():
    place = families()['place']

    class Rarely:
        """Fails every other time, as when one drawn concept has no scene."""

        calls = 0

        def __getattr__(self, name):
            return getattr(place, name)

        def sample(self, rng, params, num_events, num_entities=None):
            self.calls += num_events > 1
            if num_events > 1 and self.calls % 2:
                raise EventError('no scene')
            return place.sample(rng, params, num_events, num_entities=num_entities)

    family = Rarely()
    pool = ConceptPool({'place': family}, TINY, np.random.default_rng(0))
    assert family.calls >= 2
    assert len(pool.draw(4)) == 4


@pytest.mark.parametrize('optimiser', ['muon', 'adamw'])
def test_every_parameter_has_one_optimiser(optimiser, tmp_path):
    trainer = Trainer(replace(TINY, optimiser=optimiser), families(), tmp_path)
    groups = [group for each in trainer.optimisers for group in each.param_groups]
    updated = [id(p) for group in groups for p in group['params']]
    assert sorted(updated) == sorted(id(p) for p in trainer.learner.parameters())
    assert len(trainer.optimisers) == (2 if optimiser == 'muon' else 1)


def test_two_processes_average_their_gradients(tmp_path):
    """Two gloo processes started by torchrun make the step that two trainers by hand make."""
    config = replace(TINY, steps=1, inference_training_steps=0)
    (tmp_path / 'config.json').write_text(json.dumps(config.to_dict()))
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    arguments = ['--config', str(tmp_path / 'config.json'), '--output', str(tmp_path / 'two')]
    run = subprocess.run(
        [*torchrun, '--nproc-per-node', '2', '-m', 'concept_control.training', *arguments],
        env={**os.environ, 'GLOO_SOCKET_IFNAME': 'lo', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    second = Trainer(config, families(), tmp_path, Pair(1))
    second.accumulate_gradients()
    first = Trainer(config, families(), tmp_path, Pair(0, second.learner))
    first.optimise()
    state = torch.load(tmp_path / 'two' / 'checkpoint.pt', weights_only=False)
    for name, value in first.learner.state_dict().items():
        torch.testing.assert_close(state['learner'][name], value, rtol=1e-5, atol=1e-7)
    assert len(state['generators']) == 2
    with pytest.raises(ModelError, match='made by 2 processes'):
        Trainer.resume(families(), tmp_path / 'two')


@pytest.mark.parametrize(
    'changes',
    [
        {'objective': 'nce'},
        {'objective': 'softplus', 'kl_weight': 0.1},
        {'operations': 'generate'},
        {'operations': 'identify'},
    ],
)
def test_every_objective_takes_steps(tmp_path, changes):
    trainer = Trainer(replace(TINY, **changes), families(), tmp_path)
    before = {k: v.clone() for k, v in trainer.learner.network.state_dict().items()}
    for _ in range(4):
        trainer.advance()
    after = trainer.learner.network.state_dict()
    assert all(torch.isfinite(v).all() for v in after.values())
    assert any(not torch.equal(before[k], after[k]) for k in before)


def test_learning_place_takes_seconds(tmp_path):
    """With privileged codes the energy finds "be at (x, y)" in a few dozen steps."""
    config = TrainingConfig(
        families=('place',),
        network=NetworkConfig(hidden=24, head_width=48, encoder_width=64, encoder_direct=32),
        steps=120,
        epoch_steps=120,
        concepts_per_step=24,
        pool_size=60,
        mining_interval=0,
        oracle_share=1.0,
        learning_rate=2e-3,
        warmup_steps=10,
        evaluation_concepts=2,
        first_floor=0.1,
        last_floor=0.1,
    )
    trainer = Trainer(config, families(), tmp_path)
    losses = []
    for _ in range(config.steps):
        trainer.averages = {}
        trainer.advance()
        losses.append(trainer.averages['outcome'])
    assert np.mean(losses[-10:]) < 0.35 * np.mean(losses[:5])


def test_the_encoder_alone_learns_the_codes_of_new_families_and_keeps_the_others(tmp_path):
    config = replace(TINY, encoder_steps=150, encoder_learns=('place',))
    trainer = Trainer(config, families(), tmp_path)
    learner = trainer.average
    energy = {name: value.clone() for name, value in learner.network.state_dict().items()}

    def guess_and_truth(name):
        rng = np.random.default_rng(5)
        params = trainer.families[name].sample_concepts(rng, 40)
        types, values = (torch.from_numpy(v) for v in trainer.families[name].tokens(params))
        shown = scene_batch_from_events(trainer.families[name].sample(rng, params, 5).pad(8))
        with torch.no_grad():
            return learner.encoder(shown, torch.ones(40, 5)), learner.embedding(types, values)

    first, truth = guess_and_truth('place')
    before = {name: guess_and_truth(name)[0] for name in ('between', 'color')}
    train_encoder(learner, trainer.families, config, trainer.generator, 60, 200)
    last, _ = guess_and_truth('place')
    assert (last - truth).square().mean() < 0.2 * (first - truth).square().mean()
    for name, kept in before.items():
        assert (guess_and_truth(name)[0] - kept).square().mean() < 0.3 * kept.square().mean()
    for name, value in learner.network.state_dict().items():
        assert torch.equal(value, energy[name])


def test_the_target_is_quadratic_near_and_linear_far():
    distance = torch.tensor([1e-3, 0.01, 1.0, 2.0, 4.0], dtype=torch.float64)
    energy = target_norm(distance).square()
    torch.testing.assert_close(energy[:2], distance[:2].square(), rtol=1e-3, atol=0)
    assert (energy[3] - energy[2]) / (energy[4] - energy[3]) == pytest.approx(0.5, abs=0.05)


def test_objectives_are_least_where_they_should_be():
    distances = torch.tensor([0.0, 0.1, 0.5])
    assert distance_loss(target_norm(distances), distances).abs().max() < 1e-6
    holds = torch.tensor([True, False, True, False])
    good = torch.tensor([0.0, 3.0, 0.0, 3.0])
    assert info_nce(good, holds, 0.1) < 1e-3 < info_nce(good.flip(0), holds, 0.1)
    assert softplus_contrast(good, holds, 0.1) < 1e-3
    assert softplus_contrast(0 * good, holds, 0.1) == pytest.approx(np.log(2), abs=1e-4)
    flips = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert mask_loss(torch.tensor([0.0, 0.5, 0.0, 0.8]), holds, flips).sum() < 1e-6
    shift = torch.randn(2, 3, 2)
    length = shift.square().sum(dim=(-1, -2), keepdim=True)
    slope = 2 * shift / (1 + length / 0.25).sqrt()
    assert denoising(slope, shift, torch.ones(2, 3)).max() < 1e-6
    # Spread samples have more entropy, so a smaller divergence at equal energy.
    points = torch.randn(1, 6, 2)
    assert kl_sampler(torch.zeros(1, 6), 2 * points, 0.1) < kl_sampler(
        torch.zeros(1, 6), points, 0.1
    )


def test_a_collapse_is_named():
    flat = FamilyReport(0.1, 0.5, 0.9, None, None, data=1e-4, sample=1e-4, random=1.2e-4)
    fine = FamilyReport(1.0, 0.0, 0.0, None, None, data=1e-3, sample=1e-4, random=0.5)
    assert 'flat' in collapse_warnings({'flat': flat, 'fine': fine})[0]
    assert collapse_warnings({'fine': fine}) == []


def test_configurations_come_back_and_nonsense_is_refused(tmp_path):
    assert TrainingConfig.from_dict(json.loads(json.dumps(TINY.to_dict()))) == TINY
    with pytest.raises(ModelError, match='unknown training options'):
        TrainingConfig.from_dict({'learning_speed': 1})
    with pytest.raises(ModelError, match='expected one of distance'):
        TrainingConfig(objective='magic')
    with pytest.raises(ModelError, match='no families nonsense'):
        Trainer(TrainingConfig(families=('nonsense',)), families(), tmp_path)
    with pytest.raises(ModelError, match='no families square; there are between, color, place'):
        Trainer(replace(TINY, encoder_learns=('square',)), families(), tmp_path)
    with pytest.raises(ModelError, match='no checkpoint'):
        Trainer.resume(families(), tmp_path / 'nowhere')


def test_the_command_trains_saves_and_reports(tmp_path, capsys):
    config = tmp_path / 'config.json'
    config.write_text(json.dumps({**TINY.to_dict(), 'steps': 2}))
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    arguments = ['--config', str(config), '--output', str(tmp_path / 'run'), '--json']
    numbers = tmp_path / 'numbers.json'
    assert train_command.main(parser.parse_args([*arguments, str(numbers)])) == 0
    assert set(json.loads(numbers.read_text())) == {'place', 'between', 'color'}
    assert ConceptModel.load(tmp_path / 'run').card['steps'] == 2
    assert train_command.main(parser.parse_args([*arguments, 'x', '--families', 'nonsense'])) == 1
    assert 'there are no families nonsense' in capsys.readouterr().err
