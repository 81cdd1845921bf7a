"""`concept_control policy …`: train a policy of strokes, or record strokes to train it on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from concept_control.cli.option_types import count, folder, new_file, positive, share
from concept_control.cli.options import add_shared, config_from
from concept_control.cli.process import use_one_thread
from concept_control.policy.coding import CodingConfig, train_coded
from concept_control.policy.datasets import FIGURES, load_figure
from concept_control.policy.descents import ChainConfig
from concept_control.policy.diagnostics import TrainingMonitor, diagnose, draw_history
from concept_control.policy.model import save_policy
from concept_control.policy.stroke_files import SUFFIXES, read_examples
from concept_control.policy.strokes import Strokes, strokes_from_curves
from concept_control.policy.training import (
    RankingConfig,
    ThesisConfig,
    train_ranking,
    train_thesis,
)
from concept_control.reports.tables import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    which = parser.add_subparsers(title='what to do', dest='action', required=True)
    train = which.add_parser('train', help='train a policy on demonstrations of one figure')
    train.add_argument(
        'data',
        help=f'{", ".join(FIGURES)}, a file ({", ".join(SUFFIXES)}), a bag with poses; or any: '
        'the network of all figures, for codes from a few examples',
    )
    train.add_argument('--topic', help='of the poses in a bag (default: the only one)')
    train.add_argument(
        '--recipe',
        default='ranking',
        choices=('ranking', 'thesis'),
        help='ranking: noise-contrastive, on corrected states; thesis: contrastive loss with '
        'Langevin negatives (default: %(default)s)',
    )
    train.add_argument('--steps', type=count, help='of training')
    train.add_argument('--chain', type=count, help='K, Langevin steps (thesis)')
    train.add_argument(
        '--persistent', type=share, default=0.0, help='share of persistent chains (thesis)'
    )
    add_shared(train, 'seed')
    train.add_argument(
        '--live', type=new_file('.png'), help='keep this PNG of the training up to date'
    )
    train.add_argument('--output', type=folder, default='runs/policy', help='folder')
    record = which.add_parser('record', help='record strokes from a geometry_msgs/PoseStamped')
    record.add_argument('topic')
    record.add_argument('--strokes', type=count, default=5, help='how many (default: %(default)s)')
    record.add_argument('--timeout', type=positive, default=120.0, help='[s]')
    record.add_argument('--pause', type=positive, default=0.5, help='that ends a stroke [s]')
    record.add_argument('--max-height', type=positive, help='above this the pen is lifted [m]')
    record.add_argument('--output', type=new_file('.npz'), default='runs/strokes.npz')


def main(args: argparse.Namespace) -> int:
    """Train or record; training that has not converged says so and returns 1."""
    if args.action == 'record':
        from concept_control.policy.strokes import StrokeSplitter  # noqa: PLC0415
        from concept_control.ros.client.stroke_recorder import record  # noqa: PLC0415

        splitter = StrokeSplitter(args.pause, max_height=args.max_height)
        number = record(args.topic, args.strokes, args.output, args.timeout, splitter)
        print(f'{counted(number, "stroke")} in {args.output}')
        return 0 if number >= args.strokes else 1
    return _train(args)


def _train(args: argparse.Namespace) -> int:
    use_one_thread()
    if args.data == 'any':
        coded = train_coded(config_from(CodingConfig, args))
        card = coded.save(args.output / 'any')
        print(f'{card}: {coded.card["seconds"]:.0f} s, loss {coded.card["loss"]:.3f}')
        return 0
    strokes = _data(args)
    usual = FIGURES[args.data].chain_length if args.data in FIGURES else 100
    chain = ChainConfig(args.chain or usual)
    monitor = TrainingMonitor(strokes, chain, args.live)
    if args.recipe == 'thesis':
        policy = train_thesis(strokes, config_from(ThesisConfig, args, chain=chain), monitor)
    else:
        policy = train_ranking(strokes, config_from(RankingConfig, args), monitor)
    card = save_policy(policy, args.output / strokes.name)
    # Of a short training the monitor has seen nothing yet, and never its very end.
    diagnosis = diagnose(policy.network, strokes, chain)
    monitor.history[int(policy.card['training']['steps'])] = diagnosis
    if args.live:
        draw_history(args.live, monitor.history)
    num_strokes = counted(strokes.num_strokes, 'stroke')
    print(f'{card}: {num_strokes}, {policy.card["seconds"]:.0f} s; {diagnosis}')
    print(f'try: concept_control draw {card} --no-ros')
    if diagnosis.problems:
        print('NOT CONVERGED: ' + '; '.join(diagnosis.problems), file=sys.stderr)
        return 1
    return 0


def _data(args: argparse.Namespace) -> Strokes:
    path = Path(args.data)
    if args.data in FIGURES:
        return load_figure(args.data, args.seed)[0]
    if path.suffix.lower() in SUFFIXES:
        return read_examples(path)
    # Imported here: rosbags is an optional dependency.
    from concept_control.bags.strokes import strokes_of_bag  # noqa: PLC0415

    curves: list[np.ndarray] = strokes_of_bag(path, args.topic)
    return strokes_from_curves(curves, name=path.stem)
