"""Run the whole graph on the simulated arm until a concept holds."""

from __future__ import annotations

import argparse
import signal
import threading

from concept_control.cli.known_words import check_command
from concept_control.cli.option_types import (
    existing,
    expression,
    folder,
    new_file,
    new_folder,
    positive,
)
from concept_control.cli.options import TOLERANCE, add_shared, config_from
from concept_control.cli.process import enter_graph, use_one_thread
from concept_control.cli.simulated_graph import add_robot
from concept_control.demos.demo_run import DemoConfig, Interrupted, say
from concept_control.demos.graph_demo import recognised_command, run_demo
from concept_control.language.expression import parse
from concept_control.reports.json_file import write_json
from concept_control.ros.runtime.process_graph import ProcessDiedError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control demo`."""
    parser.add_argument(
        '--concept',
        type=expression,
        default='between(red; blue, green)',
        metavar='EXPRESSION',
        help='what to make true, subjects before the semicolon, arguments after it '
        '(default: "%(default)s")',
    )
    parser.add_argument(
        '--imitate',
        type=existing,
        metavar='BAG_OR_NPZ',
        help='do what happened in this recorded bag, or in the last demonstration of this .npz '
        'file, instead of --concept: recognise it, then make it happen on this table',
    )
    parser.add_argument(
        '--judge',
        type=expression,
        metavar='EXPRESSION',
        help='what must hold in the end by geometry, for commands with a taught word, for which '
        'there is no predicate (default: the command itself; a taught word is then judged by its '
        'energy alone)',
    )
    parser.add_argument(
        '--duration', type=positive, default=60.0, help='give up after so many simulated seconds'
    )
    parser.add_argument('--tolerance', **TOLERANCE)
    add_robot(parser)
    parser.add_argument(
        '--output',
        type=folder,
        default='runs/demo',
        help='folder for the picture and the logs',
    )
    parser.add_argument(
        '--video', type=new_file('.mp4'), help='also write the camera film to this .mp4 file'
    )
    parser.add_argument(
        '--record',
        type=new_folder,
        metavar='BAG',
        help='record the messages into this new bag (mcap)',
    )
    parser.add_argument(
        '--record-images', action='store_true', help='with --record: the images too, 20 MB/s'
    )
    add_shared(parser, 'json')


def demo_config(args: argparse.Namespace) -> DemoConfig:
    """Return what the command line asks for.

    Raises:
        ConceptControlError: If a bag cannot be imitated.
    """
    if args.imitate:
        use_one_thread()
    imitated = recognised_command(args.imitate, args.model) if args.imitate else None
    command = parse(imitated) if imitated else args.concept
    return config_from(DemoConfig, args, expression=command, judged=args.judge or command)


def main(args: argparse.Namespace) -> int:
    """Run the demonstration; 0 if what was commanded holds at the end, 1 otherwise."""
    config = demo_config(args)
    check_command(config.expression, config.model, config.arm, args.judge)
    enter_graph()
    interrupted = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: interrupted.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        result = run_demo(config, interrupted)
    except ProcessDiedError as error:
        say(f'RESULT: FAILURE: {error}')
        return 1
    except Interrupted:
        say('RESULT: interrupted; all nodes were stopped')
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    write_json(args.json, result)
    return 0 if result['succeeded'] else 1
