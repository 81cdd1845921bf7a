"""`concept_control benchmark images`: how long images travel between two processes.

One process sends colour and depth as a camera does, another one hears them as `entity_extractor`
does; once as the middleware comes, once with the profile of config/fastdds.xml. Stamps are of the
machine's monotonic clock, which both processes share.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.benchmarks.graph.image_traffic import PATIENCE
from concept_control.errors import ConceptControlError
from concept_control.paths import share_folder
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.ros.runtime.process_graph import graph_environment

PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'


@dataclass(frozen=True)
class ImagesConfig:
    """What to send, and where to write what was measured.

    Attributes:
        frames: Pairs of colour and depth images.
        rate: Frames per second.
        width: Width of an image [pixels].
        height: Height of an image [pixels].
        json: File for every number; None writes none.
    """

    frames: int = 150
    rate: float = 30.0
    width: int = 640
    height: int = 480
    json: Path | None = None


def run(config: ImagesConfig) -> int:
    """Measure both ways; 0 if images arrived both times."""
    environment = graph_environment()
    print(sentence())
    results = {}
    shipped = str(share_folder() / 'config/fastdds.xml')
    for name, profile in (('default', None), ('shared memory', shipped)):
        results[name] = measure(config, environment, profile)
        print(
            f'{name:14} {config.width} x {config.height} colour and depth at '
            f'{config.rate:.0f} Hz: {describe(results[name])}'
        )
    sent = {k: v for k, v in asdict(config).items() if k != 'json'}
    write_report(config.json, **sent, ways=results)
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
    config: ImagesConfig, environment: dict[str, str], profile: str | None
) -> dict[str, Any]:
    """Return delays [ms] and losses of one way to send.

    Args:
        config: Images to send.
        environment: Environment variables of both processes, but for the profile.
        profile: File with the middleware's profile; None for its defaults.

    Raises:
        ConceptControlError: If a process fails.
    """
    variables = {**os.environ, **environment}
    variables.pop(PROFILE, None)
    if profile is not None:
        variables[PROFILE] = profile
    command = [sys.executable, '-m', 'concept_control.benchmarks.graph.image_traffic']
    numbers = [str(v) for v in (config.frames, config.rate, config.width, config.height)]
    hearing = subprocess.Popen(
        [*command, 'hear', *numbers], env=variables, stdout=subprocess.PIPE, text=True
    )
    sending = subprocess.Popen([*command, 'send', *numbers], env=variables)
    try:
        limit = config.frames / config.rate * 5.0 + 3.0 * PATIENCE
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
    sent = 2 * config.frames
    if not len(delays):
        return {'sent': sent, 'lost': sent, 'median_ms': None, 'p95_ms': None}
    return {
        'sent': sent,
        'lost': sent - len(delays),
        'median_ms': float(np.median(delays)),
        'p95_ms': float(np.percentile(delays, 95)),
    }
