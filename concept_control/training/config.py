"""Options of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from concept_control.energy.networks.energy_network import NetworkConfig
from concept_control.errors import ModelError
from concept_control.input_files import check_fields, read_json


@dataclass(frozen=True)
class TrainingConfig:
    """One training run; the defaults are those of the shipped model.

    Attributes:
        families: Names of the families to train on; empty means all that are not held out.
        held_out: Names of families kept away from training beside those that say so themselves.
        network: Sizes of the networks.
        steps: Number of steps; None to go by `minutes`. The learning rate is annealed along them.
        minutes: Wall-clock budget [min] where `steps` is None.
        concepts_per_step: Number of concepts in one optimisation step.
        optimiser: Optimiser of the weights: 'muon' for matrices, AdamW for the rest; or 'adamw'
            for all.
        learning_rate: Highest learning rate, annealed to 2 % of it by a cosine.
        warmup_steps: Number of steps of linear learning-rate warm-up.
        weight_decay: Decoupled weight decay of matrices.
        oracle_share: Share of the run that uses privileged codes only.
        encoder_share: Share of concepts that then use the encoder's code.
        objective: Loss of the energies: 'distance' (regression to the nearest satisfying
            configuration, InfoNCE beside it), 'nce' (InfoNCE and denoising) or 'softplus' (the
            papers').
        operations: Operations trained: 'both', 'generate' or 'identify', for the joint-training
            ablation.
        kl_weight: Weight of the papers' KL term through the sampler; 0 leaves it out.
        nce_weight: Weight of InfoNCE.
        denoising_weight: Weight of the denoising term where the objective has one.
        code_weight: Weight of the encoder's regression to the privileged code.
        first_floor: Error of the distance loss that counts as one unit where the target is zero,
            at the start of the run. A loss that is sharp from the start drives the energy to zero
            everywhere.
        last_floor: The same at the end.
        recognition_weight: Weight of telling a concept's events from other concepts'.
        temperature: Energy that counts as one nat in InfoNCE.
        code_noise: Standard deviation of noise on codes after the privileged phase.
        pool_size: Number of concepts held ready per number of entities.
        epoch_steps: Number of steps between two rebuilds of the pool.
        num_demonstrations: Number of demonstrations held per concept; shots are drawn from 1 to
            this.
        num_outcomes: Number of candidate outcomes per event, the demonstrated one apart.
        num_masks: Number of candidate masks per event, the demonstrated one apart.
        report_interval: Time between two reports and checkpoints [s], which come at the end of
            an epoch; with `steps` given, every epoch ends with both.
        evaluation_concepts: Number of unseen concepts per family in a report.
        seed: Seed of everything random.
        threads: Number of torch threads, set by whoever starts the run.
    """

    families: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    network: NetworkConfig = field(default_factory=NetworkConfig)
    steps: int | None = 2100
    minutes: float = 10.0
    concepts_per_step: int = 36
    optimiser: Literal['muon', 'adamw'] = 'muon'
    learning_rate: float = 1.2e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-4
    oracle_share: float = 0.35
    encoder_share: float = 0.6
    objective: Literal['distance', 'nce', 'softplus'] = 'distance'
    operations: Literal['both', 'generate', 'identify'] = 'both'
    kl_weight: float = 0.0
    nce_weight: float = 0.1
    denoising_weight: float = 1.0
    code_weight: float = 2.0
    first_floor: float = 0.12
    last_floor: float = 0.02
    recognition_weight: float = 0.1
    temperature: float = 0.05
    code_noise: float = 0.02
    pool_size: int = 700
    epoch_steps: int = 500
    num_demonstrations: int = 10
    num_outcomes: int = 16
    num_masks: int = 20
    report_interval: float = 240.0
    evaluation_concepts: int = 20
    seed: int = 0
    threads: int = 1

    @classmethod
    def load(cls, path: str | Path) -> TrainingConfig:
        """Read a JSON file of options.

        Raises:
            ModelError: if the file cannot be read, or has options that there are not.
        """
        return check_fields(cls, read_json(Path(path), ModelError), Path(path), ModelError)
