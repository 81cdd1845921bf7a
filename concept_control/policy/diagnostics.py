"""Convergence of a policy's training and of its chains, by the criteria of the thesis."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from concept_control.output_files import replacing
from concept_control.policy.descents import ChainConfig, langevin
from concept_control.policy.network import PolicyEnergy
from concept_control.policy.samplers import BoxProposal, energy_at
from concept_control.policy.strokes import Strokes

FURTHER = 50
"""Number S of steps beyond K after which chains are looked at again."""

HALF_EXTENT = 1.5
"""Half side of the box where chains start, in step lengths."""

STATES = 256
"""Number of states of the data in which chains are run."""

SETTLED = 0.1
"""Largest relative change of the chain length between K and K + S of chains that have settled."""

MAX_DISTANCE = 5.0
"""Largest typical distance of samples from demonstrated steps, in step sizes of the chains, that
the chains' noise explains."""

SAME_ENERGY = 0.25
"""Largest difference of the energies of data and samples, relative to that of random steps."""


@dataclass(frozen=True)
class Diagnosis:
    """Energies and lengths of a policy's chains; energies are means over states of the data.

    Attributes:
        lengths: (K + S + 1,) average chain length R: distance of chains from where they began
            after k steps, in step lengths. It levels off where chains have converged.
        steps: Number K of steps.
        data: Energy of demonstrated steps.
        sample: Energy of the chains' ends after K steps.
        further: The same after K + S.
        random: Energy of noise.
        distance: Median distance of the ends after K steps from demonstrated steps, in step
            lengths. Energies can agree where little is learned; this is what they are about.
        step_size: Step size α of the chains.
    """

    lengths: np.ndarray
    steps: int
    data: float
    sample: float
    further: float
    random: float
    distance: float
    step_size: float

    @property
    def problems(self) -> list[str]:
        """Say what has not converged; empty if all has."""
        found = []
        at, later = self.lengths[self.steps], self.lengths[-1]
        if abs(later - at) > SETTLED * max(at, 1e-9):
            found.append(
                f'chains are on their way: their length is {at:.2f} after {self.steps} steps and '
                f'{later:.2f} after {len(self.lengths) - 1}'
            )
        spread = abs(self.random - self.data)
        if self.random <= self.data:
            found.append(
                f'random steps have no more energy ({self.random:.2f}) than demonstrated ones '
                f'({self.data:.2f}): nothing was learned'
            )
        elif abs(self.sample - self.data) > SAME_ENERGY * spread:
            found.append(
                f'samples have the energy {self.sample:.2f}, demonstrated steps {self.data:.2f}: '
                'they are not of one distribution'
            )
        elif abs(self.further - self.sample) > SAME_ENERGY * spread / 2:
            found.append(
                f'the energy of samples goes from {self.sample:.2f} to {self.further:.2f} with '
                f'{FURTHER} more steps: a sampler of another length draws something else'
            )
        if self.distance > MAX_DISTANCE * self.step_size:
            found.append(
                f'samples are {self.distance:.2f} step lengths from demonstrated steps, more than '
                f'the noise of chains with α = {self.step_size:g} explains: train longer'
            )
        return found

    def __str__(self) -> str:
        triple = (
            f'E(data) {self.data:.2f}, E(sample) {self.sample:.2f}, E(random) {self.random:.2f}, '
            f'samples {self.distance:.2f} step lengths off'
        )
        verdict = '; '.join(self.problems) or 'converged'
        return f'{triple}; {verdict}'


def diagnose(network: PolicyEnergy, strokes: Strokes, chain: ChainConfig) -> Diagnosis:
    """Run chains from noise in states of the data, for K and further S steps.

    Args:
        network: Energy of the policy.
        strokes: Demonstrations.
        chain: Number K and size α of the steps.
    """
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    rows = rng.integers(strokes.num_strokes * strokes.num_steps, size=STATES)
    states = torch.as_tensor(strokes.positions[:, :-1].reshape(-1, 2)[rows], dtype=torch.float32)
    actions = torch.as_tensor(strokes.actions.reshape(-1, 2)[rows], dtype=torch.float32)
    start = BoxProposal(network.config.action_size, HALF_EXTENT).sample((STATES, 1), generator)
    energy = energy_at(network, states)
    longer = ChainConfig(chain.steps + FURTHER, chain.step_size)
    path = list(langevin(energy, start, longer, generator))
    with torch.no_grad():
        random, sample, further, data = (
            float(energy(at).mean())
            for at in (start, path[chain.steps], path[-1], actions.unsqueeze(1))
        )
    return Diagnosis(
        lengths=np.array([float((at - start).norm(dim=-1).mean()) for at in path]),
        steps=chain.steps,
        data=data,
        sample=sample,
        further=further,
        random=random,
        distance=float((path[chain.steps] - actions.unsqueeze(1)).norm(dim=-1).median()),
        step_size=chain.step_size,
    )


@dataclass
class TrainingMonitor:
    """Diagnoses a training as it goes, and keeps a picture of it up to date.

    Attributes:
        strokes: Demonstrations.
        chain: Number K and size α of the chains' steps.
        path: File of the PNG, rewritten as the training goes; None for none.
        every: Number of training steps between diagnoses.
        pause: Least wall-clock time between pictures [s].
        history: Diagnoses by training step.
    """

    strokes: Strokes
    chain: ChainConfig
    path: Path | None = None
    every: int = 100
    pause: float = 5.0
    history: dict[int, Diagnosis] = field(default_factory=dict)
    _drawn: float = float('-inf')

    def __call__(self, step: int, network: PolicyEnergy) -> None:
        """Look at a training step."""
        if step % self.every:
            return
        network.eval()
        self.history[step] = diagnose(network, self.strokes, self.chain)
        network.train()
        if self.path is not None and time.monotonic() - self._drawn > self.pause:
            draw_history(self.path, self.history)
            self._drawn = time.monotonic()


def draw_history(path: Path, history: dict[int, Diagnosis]) -> None:
    """Write a PNG: energies over the training, and the chain length against K now."""
    figure = Figure(figsize=(10, 4), layout='constrained')
    left, right = figure.subplots(1, 2)
    steps: Sequence[int] = list(history)
    for name in ('data', 'sample', 'random'):
        left.plot(steps, [getattr(d, name) for d in history.values()], '.-', label=f'E({name})')
    left.set(xlabel='training step', title='energies')
    left.legend()
    last = history[steps[-1]]
    right.plot(last.lengths)
    right.axvline(last.steps, color='0.7', linestyle='--')
    right.set(xlabel='k', title='average chain length R; dashed: K', ylim=(0, None))
    figure.suptitle(str(last), fontsize=9, wrap=True)
    with replacing(path) as file:
        figure.savefig(file, dpi=80)
