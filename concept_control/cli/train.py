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
from concept_control.energy.agreement.confidence import FILE as CONFIDENCE_FILE
from concept_control.energy.agreement.scorer import CARD_FILE, load_scorer, save_scorer
from concept_control.energy.torchscript import export_network
from concept_control.model_files import read_card
from concept_control.reports.json_file import write_json
from concept_control.training.confidence import CONCEPTS, confidence_samples, fit_confidence
from concept_control.training.config import TrainingConfig
from concept_control.training.processes import Processes
from concept_control.training.rule_prior import RulePriorConfig, train_rule_prior
from concept_control.training.train import Trainer
from concept_control.training.usual_bounds import train_usual_bounds

PARTS = ('network', 'priors', 'usual', 'confidence')
"""What is trained: the papers' network; for the agreement energy the priors of rules and places,
the bounds that are usual with the odds of regions, and the curve of the confidence in codes."""


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
        '--part',
        dest='parts',
        action='append',
        choices=PARTS,
        help='train only this, with what else is in --output; may be repeated (default: all that '
        'ships, half an hour on two cores; with several processes the network)',
    )
    parser.add_argument(
        '--rule-prior',
        dest='parts',
        action='store_const',
        const=list(PARTS[1:]),
        help='train only what the agreement energy needs: all parts but the network',
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue the run in --output: the network from its checkpoint, and what is missing',
    )
    add_shared(parser, 'json')


def main(args: argparse.Namespace) -> int:
    """Train what is asked for, report and save it; return the exit code."""
    processes = Processes.from_environment()
    # Only the network can be trained by several processes.
    parts = args.parts or (PARTS if processes.count == 1 else PARTS[:1])
    if 'network' in parts:
        trainer = _make_trainer(args, processes)
        use_threads(trainer.config.threads)
        reports = trainer.run(on_report=lambda text: print(text, flush=True))
        if processes.is_first:
            trainer.save_model(reports, args.output)
            export_network(trainer.learner.network, args.output / 'concept_energy.pt')
            write_json(args.json, reports)
    processes.leave()
    if not processes.is_first:
        return 0
    use_threads(args.threads or 1)
    seed = args.seed or 0
    has_priors = args.resume and (args.output / CARD_FILE).is_file()
    if 'priors' in parts and not has_priors:
        scorer, facts = train_rule_prior(RulePriorConfig(seed=seed), families())
        save_scorer(scorer, facts, args.output)
    if 'usual' in parts and not (has_priors and read_card(args.output / CARD_FILE)['usual']):
        save_scorer(*train_usual_bounds(args.output, families(), seed), args.output)
    if 'confidence' in parts and not (has_priors and (args.output / CONFIDENCE_FILE).is_file()):
        energy = AgreementEnergy(load_scorer(args.output))
        samples = confidence_samples(energy, training_families(), CONCEPTS, seed)
        fit_confidence(list(samples)).save(args.output)
    print(f'trained: {", ".join(parts)}; with their cards in {args.output}')
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
