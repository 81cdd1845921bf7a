"""`concept_control train`: arguments and what they do."""

from __future__ import annotations

import argparse
from dataclasses import replace

from concept_control.cli.option_types import (
    count,
    existing_file,
    folder,
    number,
    positive,
    seed,
)
from concept_control.cli.options import add_shared
from concept_control.cli.process import use_threads
from concept_control.concepts import families, training_families
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.scorer import save_scorer
from concept_control.reports.json_file import write_json
from concept_control.training.confidence import CONCEPTS, confidence_samples, fit_confidence
from concept_control.training.config import TrainingConfig
from concept_control.training.processes import Processes
from concept_control.training.rule_prior import RulePriorConfig, train_rule_prior
from concept_control.training.train import Trainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of training to `parser`."""
    parser.add_argument(
        '--output',
        type=folder,
        default='runs/model',
        help='folder of checkpoints and the model [%(default)s]',
    )
    parser.add_argument(
        '--config', type=existing_file, help='JSON file of training options (TrainingConfig)'
    )
    parser.add_argument('--minutes', type=positive, help='wall-clock budget, instead of steps')
    parser.add_argument('--steps', type=count, help='number of steps')
    parser.add_argument('--seed', type=seed, help='seed of everything random')
    parser.add_argument('--threads', type=count, help='torch threads')
    parser.add_argument('--families', help='comma-separated names; all others stay away')
    parser.add_argument('--hold-out', help='comma-separated names kept away from training')
    parser.add_argument('--kind', choices=('pairwise', 'unary'), help='kind of energy')
    parser.add_argument('--objective', choices=('distance', 'nce', 'softplus'))
    parser.add_argument('--operations', choices=('both', 'generate', 'identify'))
    parser.add_argument('--kl-weight', type=number(low=0.0), help='weight of the KL term')
    parser.add_argument(
        '--rule-prior',
        action='store_true',
        help='train only what the agreement energy needs, the prior of rules and the curve of '
        'confidence (minutes, into --output)',
    )
    parser.add_argument('--resume', action='store_true', help='continue the run in --output')
    add_shared(parser, 'json')


def main(args: argparse.Namespace) -> int:
    """Train, report and save the model; return the exit code."""
    if args.rule_prior:
        config = RulePriorConfig() if args.seed is None else RulePriorConfig(seed=args.seed)
        use_threads(args.threads or 1)
        scorer, facts = train_rule_prior(config, families())
        save_scorer(scorer, facts, args.output)
        energy = AgreementEnergy(scorer)
        samples = confidence_samples(energy, training_families(), CONCEPTS, config.seed)
        fit_confidence(list(samples)).save(args.output)
        print(f'the prior of rules, its card and the curve of confidence are in {args.output}')
        return 0
    processes = Processes.from_environment()
    trainer = _make_trainer(args, processes)
    use_threads(trainer.config.threads)
    reports = trainer.run(on_report=lambda text: print(text, flush=True))
    if processes.is_first:
        trainer.save_model(reports, args.output)
    processes.leave()
    if not processes.is_first:
        return 0
    if args.json:
        write_json(args.json, {name: report.to_dict() for name, report in reports.items()})
    print(f'model and card are in {args.output}')
    return 0


def _make_trainer(args: argparse.Namespace, processes: Processes) -> Trainer:
    changes = {
        name: value
        for name in (
            'minutes',
            'steps',
            'seed',
            'threads',
            'objective',
            'operations',
            'kl_weight',
        )
        if (value := getattr(args, name)) is not None
    }
    if args.minutes is not None and args.steps is None:
        changes['steps'] = None
    for name, value in (('families', args.families), ('held_out', args.hold_out)):
        if value:
            changes[name] = tuple(part.strip() for part in value.split(','))
    if args.resume:
        return Trainer.resume(families(), args.output, processes, **changes)
    config = TrainingConfig.load(args.config) if args.config else TrainingConfig()
    if args.kind:
        changes['network'] = replace(config.network, kind=args.kind)
    return Trainer(replace(config, **changes), families(), args.output, processes)
