"""`concept_control benchmark images`: how long images travel between two processes.

One process sends colour and depth as a camera does, another one hears them as `entity_extractor`
does; once as the middleware comes, once with the profile of config/fastdds.xml. Stamps are of the
machine's monotonic clock, which both processes share.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.benchmarks.graph.image_traffic import PATIENCE
from concept_control.errors import ConceptControlError
from concept_control.reports.json_file import write_json
from concept_control.reports.provenance import provenance, sentence
from concept_control.ros.runtime.process_graph import graph_environment, share_folder

PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'

DESCRIPTION = """\
Sends colour and depth images from one process to another, as a camera does and entity_extractor
hears them: once as the middleware comes, once with the shared-memory profile that ships with the
package (config/fastdds.xml). The delay is from just before sending to just after receiving.
"""

EPILOG = """\
how to read it:
  median, p95     delay of an image in milliseconds
  lost            images that never came: sensor topics are best effort
  The demonstration uses the profile by itself; for your own processes set
  FASTDDS_DEFAULT_PROFILES_FILE to it, for the sender as for the receiver.

examples:
  concept_control benchmark images
  concept_control benchmark images --width 1280 --height 720 --rate 15 --json numbers.json

Exit code 0: images arrived both ways; 1: one way none did.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument('--frames', type=int, default=150, help='sent (default: %(default)s)')
    parser.add_argument(
        '--rate', type=float, default=30.0, help='frames a second (default: %(default)s)'
    )
    parser.add_argument('--width', type=int, default=640, help='pixels (default: %(default)s)')
    parser.add_argument('--height', type=int, default=480, help='pixels (default: %(default)s)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every number there')


def main(args: argparse.Namespace) -> int:
    """Measure both ways; 0 if images arrived both times."""
    environment = graph_environment()
    print(sentence())
    results = {}
    shipped = str(share_folder() / 'config/fastdds.xml')
    for name, profile in (('default', None), ('shared memory', shipped)):
        results[name] = measure(args, environment, profile)
        print(
            f'{name:14} {args.width} x {args.height} colour and depth at {args.rate:.0f} Hz: '
            f'{describe(results[name])}'
        )
    if args.json:
        report = {'provenance': provenance(), **vars(args), 'json': None, 'ways': results}
        report.pop('run', None)
        write_json(args.json, report)
    return 0 if all(result['lost'] < result['sent'] for result in results.values()) else 1


def describe(way: dict[str, Any]) -> str:
    """Return a line of what `measure` found."""
    if way['median_ms'] is None:
        return f'nothing arrived of {way["sent"]}'
    return (
        f'{way["median_ms"]:.1f} ms median, {way["p95_ms"]:.1f} ms p95, '
        f'{way["lost"]} of {way["sent"]} lost'
    )


def measure(
    args: argparse.Namespace, environment: dict[str, str], profile: str | None
) -> dict[str, Any]:
    """Return delays [ms] and losses of one way to send.

    Args:
        args: of the command.
        environment: of both processes, but for the profile.
        profile: file with the middleware's profile; None for its defaults.

    Raises:
        ConceptControlError: if a process fails.
    """
    variables = {**os.environ, **environment}
    variables.pop(PROFILE, None)
    if profile is not None:
        variables[PROFILE] = profile
    command = [sys.executable, '-m', 'concept_control.benchmarks.graph.image_traffic']
    numbers = [str(v) for v in (args.frames, args.rate, args.width, args.height)]
    hearing = subprocess.Popen(
        [*command, 'hear', *numbers], env=variables, stdout=subprocess.PIPE, text=True
    )
    sending = subprocess.Popen([*command, 'send', *numbers], env=variables)
    try:
        limit = args.frames / args.rate * 5.0 + 3.0 * PATIENCE
        output, _ = hearing.communicate(timeout=limit)
        if sending.wait(timeout=PATIENCE) or hearing.returncode:
            raise ConceptControlError('a process of the image benchmark failed, see above')
    except subprocess.TimeoutExpired as error:
        raise ConceptControlError(f'no images came within {limit:.0f} s') from error
    finally:
        for process in (hearing, sending):
            process.kill()
            process.wait()
    delays = np.array(json.loads(output.strip().splitlines()[-1]))
    sent = 2 * args.frames
    if not len(delays):
        return {'sent': sent, 'lost': sent, 'median_ms': None, 'p95_ms': None}
    return {
        'sent': sent,
        'lost': sent - len(delays),
        'median_ms': float(np.median(delays)),
        'p95_ms': float(np.percentile(delays, 95)),
    }
