"""Settings of the whole process, which only a command may make, and its progress."""

from __future__ import annotations

import os
import sys
from typing import Any

from tqdm import tqdm


def use_threads(number: int) -> None:
    """Let torch compute on so many threads."""
    import torch  # noqa: PLC0415 - not all commands need it

    torch.set_num_threads(number)


def use_one_thread() -> None:
    """Let torch compute on one thread: small networks gain nothing from more, and sum alike."""
    use_threads(1)


def enter_graph() -> None:
    """Give this process the environment of the graph's processes, to hear them and be heard."""
    from concept_control.ros.runtime.process_graph import graph_environment  # noqa: PLC0415

    os.environ.update(graph_environment())


def progress_bar(total: int, description: str, unit: str = 'it') -> tqdm[Any]:
    """Return a bar on the standard error, which is not drawn where that is no terminal."""
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        leave=False,
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
    )
