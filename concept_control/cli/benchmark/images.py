"""`concept_control benchmark images`: how long images travel between two processes."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.images import ImagesConfig, run
from concept_control.cli.options import add_config, config_from

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
    add_config(parser, ImagesConfig)


def main(args: argparse.Namespace) -> int:
    """Measure both ways; 0 if images arrived both times."""
    return run(config_from(ImagesConfig, args))
