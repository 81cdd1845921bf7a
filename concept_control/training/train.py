"""Meta-training: one energy and one encoder for all families of concepts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.energy.storage import save_model
from concept_control.errors import ModelError
from concept_control.input_files import check_fields
from concept_control.output_files import replacing
from concept_control.reports.provenance import commit
from concept_control.seeding import seeded_weights
from concept_control.training.config import TrainingConfig
from concept_control.training.losses import Learner, Phase
from concept_control.training.model_card import write_model_card
from concept_control.training.pool import ConceptPool
from concept_control.training.processes import Processes
from concept_control.training.report import FamilyReport, format_table, report_families

EMBEDDING_FACTOR = 0.1
"""Factor of the embedding's learning rate: a fast embedding follows the energy's first, common
gradient until all codes are the same."""

_SMALLEST_MATRIX = 16
_MUON_DECAY = 1e-3


def make_optimisers(learner: Learner, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a run; each group's 'factor' scales the learning rate.

    Args:
        learner: Networks that are trained.
        config: Options of the run.
    """
    trained = [*learner.network.parameters(), *learner.encoder.parameters()]
    large = [p for p in trained if p.ndim == 2 and min(p.shape) >= _SMALLEST_MATRIX]
    matrices = large if config.optimiser == 'muon' else []
    theirs = {id(p) for p in matrices}
    rest = [p for p in trained if id(p) not in theirs]
    groups = [
        ([p for p in rest if p.ndim >= 2], config.weight_decay, 1.0),
        ([p for p in rest if p.ndim < 2], 0.0, 1.0),
        (list(learner.embedding.parameters()), 0.0, EMBEDDING_FACTOR),
    ]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [
                {'params': params, 'weight_decay': decay, 'factor': factor}
                for params, decay, factor in groups
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
        )
    ]
    if matrices:
        optimisers.append(
            torch.optim.Muon(
                [{'params': matrices, 'factor': 1.0}],
                lr=config.learning_rate,
                weight_decay=_MUON_DECAY,
                adjust_lr_fn='match_rms_adamw',
            )
        )
    return optimisers


_CHECKPOINT_FILE = 'checkpoint.pt'
_COLLAPSE_RATIO = 1.5
_JUDGED = InferenceConfig(method='encoder')
_SEARCH = LangevinConfig(chains=8)


class Trainer:
    """One training run, from the first step or from a checkpoint.

    Args:
        config: Options of the run.
        families: Families by name.
        folder: Folder of checkpoints and the model.
        processes: Processes that train together; each draws concepts of its own.

    Raises:
        ModelError: if the configuration names a family that does not exist.
    """

    def __init__(
        self,
        config: TrainingConfig,
        families: Mapping[str, Family],
        folder: str | Path,
        processes: Processes | None = None,
    ) -> None:
        self.processes = processes or Processes()
        if unknown := sorted({*config.families, *config.held_out} - set(families)):
            raise ModelError(
                f'there are no families {", ".join(unknown)}; there are '
                f'{", ".join(sorted(families))}'
            )
        kept = {*config.held_out, *(n for n, family in families.items() if family.held_out)}
        names = config.families or tuple(sorted(set(families) - kept))
        self.families = {n: families[n] for n in names if n not in config.held_out}
        away = config.held_out if config.families else sorted(kept)
        self.held_out = {name: families[name] for name in away}
        self.config = config
        self.folder = Path(folder)
        self.generator = torch.Generator().manual_seed(config.seed + 7919 * self.processes.rank)
        self.step = 0
        self.elapsed = 0.0
        self.pool = self._make_pool()
        with seeded_weights(config.seed):
            self.learner = Learner(config, self.pool.num_types)
        self.optimisers = make_optimisers(self.learner, config)
        self.averages: dict[str, float] = {}

    @property
    def progress(self) -> float:
        """Share of the run that is done, by steps or by time."""
        done, budget = self.elapsed, 60 * self.config.minutes
        if self.config.steps is not None:
            done, budget = self.step, self.config.steps
        return min(1.0, done / budget) if budget > 0 else 1.0

    def run(self, on_report: Callable[[str], None] = tqdm.write) -> dict[str, FamilyReport]:
        """Train to the end of the budget and return the final report.

        Args:
            on_report: Function that gets every report and warning as text.
        """
        last_report = self.elapsed
        total = self.config.steps or round(60 * self.config.minutes)
        bar = tqdm(
            total=total,
            initial=self._bar_position(),
            desc='train',
            mininterval=1.0,
            disable=not self.processes.is_first,
        )
        while self.progress < 1:
            began = time.monotonic()
            self.advance()
            self.elapsed = self.processes.agree(self.elapsed + time.monotonic() - began)
            bar.update(self._bar_position() - bar.n)
            if self.step % 20 == 0:
                bar.set_postfix_str(
                    f'step {self.step} '
                    + ' '.join(f'{k} {v:.3f}' for k, v in self.averages.items()),
                    refresh=False,
                )
            ends_epoch = self.step % self.config.epoch_steps == 0
            due = self.elapsed - last_report >= self.config.report_interval
            if ends_epoch and (due or self.config.steps is not None) and self.progress < 1:
                last_report = self.elapsed
                self.report(on_report)
                self.save_checkpoint()
        bar.close()
        self.save_checkpoint()
        return self.report(on_report)

    def advance(self) -> None:
        """Make one step, and rebuild the pool where an epoch ends."""
        self.optimise()
        self.step += 1
        if self.step % self.config.epoch_steps == 0:
            self.pool = self._make_pool()

    def optimise(self) -> None:
        """Make the parameters' update of one step."""
        losses = self.accumulate_gradients()
        self.processes.average_gradients(self.learner.parameters())
        torch.nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group['lr'] = group['factor'] * self.learning_rate()
            optimiser.step()
        for name, value in losses.items():
            self.averages[name] = 0.98 * self.averages.get(name, value) + 0.02 * value

    def accumulate_gradients(self) -> dict[str, float]:
        """Put the gradient of one draw of concepts into the parameters; return the losses."""
        batch = self.pool.draw(self.config.concepts_per_step)
        self.learner.zero_grad(set_to_none=True)
        losses = self.learner(batch, self.phase(), self.generator)
        losses['total'].backward()
        return {name: float(value.detach()) for name, value in losses.items()}

    def learning_rate(self) -> float:
        """Return the learning rate of this step: warm-up, then a cosine down to 2 %."""
        warm = min(1.0, (self.step + 1) / max(self.config.warmup_steps, 1))
        wave = 0.5 * (1 + math.cos(math.pi * self.progress))
        return self.config.learning_rate * warm * (0.02 + 0.98 * wave)

    def phase(self) -> Phase:
        """Return the origin of codes at this step."""
        config = self.config
        floor = config.first_floor * (config.last_floor / config.first_floor) ** self.progress
        if self.progress < config.oracle_share:
            return Phase(encoder_share=0.0, noise=0.0, floor=floor)
        ramp = (self.progress - config.oracle_share) / max(1 - config.oracle_share, 1e-6)
        share = config.encoder_share * min(1.0, 4 * ramp)
        return Phase(encoder_share=share, noise=config.code_noise, floor=floor)

    def report(self, on_report: Callable[[str], None]) -> dict[str, FamilyReport]:
        """Judge the model as it stands by the predicates, and warn of a collapse."""
        if not self.processes.is_first:
            return {}
        energy = NetworkEnergy(self.learner.network, self.learner.encoder, _JUDGED, _SEARCH)
        reports = report_families(
            energy,
            {**self.families, **self.held_out},
            seed=self.config.seed + 1_000_003,
            num_concepts=self.config.evaluation_concepts,
        )
        rates = [
            np.mean(
                [report[key] for key in ('generated', 'identified') if report[key] is not None]
            )
            for name, report in reports.items()
            if name in self.families
        ]
        losses = ' '.join(f'{k} {v:.3f}' for k, v in self.averages.items())
        on_report(
            f'{format_table(reports)}\nstep {self.step}, {self.elapsed:.0f} s, mean success of '
            f'trained families {np.mean(rates):.3f}; {losses}'
        )
        for warning in collapse_warnings(reports):
            on_report(warning)
        return reports

    def save_checkpoint(self) -> None:
        """Write the checkpoint into the folder."""
        generators = self.processes.collect(self.generator.get_state())
        if not self.processes.is_first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            'config': asdict(self.config),
            'step': self.step,
            'elapsed': self.elapsed,
            'learner': self.learner.state_dict(),
            'optimisers': [optimiser.state_dict() for optimiser in self.optimisers],
            'generators': generators,
            'averages': self.averages,
        }
        with replacing(self.folder / _CHECKPOINT_FILE) as file:
            torch.save(state, file)

    def save_model(self, reports: Mapping[str, FamilyReport], folder: str | Path) -> None:
        """Write weights, card and its page, to be loaded by `ConceptModel.load`.

        Args:
            reports: Reports from `run`.
            folder: Folder of the model.
        """
        card = {
            'families': sorted(self.families),
            'held_out': sorted(self.held_out),
            'seed': self.config.seed,
            'steps': self.step,
            'minutes': round(self.elapsed / 60, 1),
            'device': f'cpu, {self.config.threads} thread(s)',
            'commit': commit(),
            'training': asdict(self.config),
            'metrics': {
                'shots': 5,
                'method': 'encoder',
                'concepts_per_family': self.config.evaluation_concepts,
                'families': dict(reports),
            },
        }
        network, encoder = self.learner.network, self.learner.encoder
        card = save_model(folder, network, encoder, card)
        parameters = {
            name: sum(p.numel() for p in module.parameters())
            for name, module in (('network', network), ('encoder', encoder))
        }
        write_model_card(folder, card, parameters)

    @classmethod
    def resume(
        cls,
        families: Mapping[str, Family],
        folder: str | Path,
        processes: Processes | None = None,
        **changes: Any,
    ) -> Trainer:
        """Continue from the checkpoint in `folder`, exactly where it stopped.

        Args:
            families: Families by name.
            folder: Folder of the run.
            processes: Processes that train together, as many as made the checkpoint.
            changes: Options to change, such as a longer budget.

        Raises:
            ModelError: if there is no checkpoint, it cannot be read, or another number of
                processes made it.
        """
        path = Path(folder) / _CHECKPOINT_FILE
        try:
            state = torch.load(path, weights_only=True)
        except FileNotFoundError as error:
            raise ModelError(f'there is no checkpoint {path} to start from') from error
        except Exception as error:
            raise ModelError(f'the checkpoint {path} cannot be read: {error}') from error
        count = processes.count if processes else 1
        if len(state['generators']) != count:
            raise ModelError(
                f'the checkpoint in {folder} was made by {len(state["generators"])} processes, '
                f'this is a run of {count}'
            )
        config = check_fields(TrainingConfig, state['config'] | changes, path, ModelError)
        trainer = cls(config, families, folder, processes)
        trainer.step = state['step']
        trainer.elapsed = state['elapsed']
        trainer.averages = dict(state['averages'])
        trainer.learner.load_state_dict(state['learner'])
        for optimiser, its in zip(trainer.optimisers, state['optimisers'], strict=True):
            optimiser.load_state_dict(its)
        trainer.generator.set_state(state['generators'][trainer.processes.rank])
        trainer.pool = trainer._make_pool()
        return trainer

    def _make_pool(self) -> ConceptPool:
        epoch = self.step // self.config.epoch_steps
        rng = np.random.default_rng([self.config.seed, epoch, self.processes.rank])
        return ConceptPool(self.families, self.config, rng)

    def _bar_position(self) -> int:
        return self.step if self.config.steps is not None else round(self.elapsed)


def collapse_warnings(reports: Mapping[str, FamilyReport]) -> list[str]:
    """Name the families whose energy hardly tells demonstrations from random events.

    softplus(E+ - E-) reads the same for a perfect model and for E = 0 everywhere; the energies
    themselves do not.
    """
    found = []
    for name, report in reports.items():
        data, sample, random = (report[key] for key in ('data', 'sample', 'random'))
        if data is not None and random is not None and random < _COLLAPSE_RATIO * data + 1e-3:
            found.append(
                f'warning: collapse? {name}: E(data) {data:.4f}, E(sample) {sample:.4f}, '
                f'E(random) {random:.4f}'
            )
    return found
