"""Several processes that train one model."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch

from concept_control.concepts import families
from concept_control.errors import ModelError
from concept_control.training.processes import Processes
from concept_control.training.train import Trainer


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


def test_two_processes_average_their_gradients(tiny, tmp_path):
    """Two gloo processes started by torchrun make the step that two trainers by hand make."""
    config = replace(tiny, steps=1, evaluation_concepts=1)
    (tmp_path / 'config.json').write_text(json.dumps(asdict(config)))
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
