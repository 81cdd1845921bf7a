"""TorchScript: the exported energy, and recordings of functions; torch.jit is used only here.

The exported file takes plain tensors and returns residuals that are differentiable in them, so
that a process without this package, in C++ too, can evaluate a concept.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from concept_control.energy.networks.energy_network import ACTION, ARGUMENT, EnergyNetwork
from concept_control.energy.scene_batch import NUM_MOTION_FEATURES, VERTICAL, SceneBatch, sides_of
from concept_control.errors import ModelError
from concept_control.output_files import replacing

EXPORTED_PROGRAM = '.pt2'
"""Ending of files of torch.export."""


class _EnergyModule(nn.Module):
    """Both residuals of the energy as a function of plain tensors."""

    def __init__(self, network: EnergyNetwork) -> None:
        super().__init__()
        self.network = network
        self.code_width: int = network.config.code_width
        self.action: float = ACTION
        self.argument: float = ARGUMENT

    def forward(
        self,
        before: torch.Tensor,
        after: torch.Tensor,
        colors: torch.Tensor,
        sizes: torch.Tensor,
        present: torch.Tensor,
        subjects: torch.Tensor,
        attention: torch.Tensor,
        motion: torch.Tensor,
        code: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the residuals (B, K) of action and argument; codes (B, 2W) or (1, 2W)."""
        sides = sides_of(sizes, after)
        scene = SceneBatch.flat(before, after, colors, sides, present, subjects, attention, motion)
        mask = attention.unsqueeze(1)
        action = self.network.condition(code[:, : self.code_width], self.action)
        argument = self.network.condition(code[:, self.code_width :], self.argument)
        first = self.network(scene, mask, action)[:, 0]
        second = self.network(scene, mask, argument)[:, 0]
        return first, second


Recorded = Callable[..., Any]
"""Recorded module: its operations on tensors, run without Python.

The inputs may differ from those of the recording in batch size. Outside inference mode the result
can be read, but not changed in place.
"""


class _Traceable(nn.Module):
    """A function of plain tensors, and the network whose parameters it reads, as one module."""

    def __init__(self, function: Callable[..., Any], network: nn.Module | None = None) -> None:
        super().__init__()
        self._function, self.network = function, network

    def forward(self, *values: torch.Tensor) -> Any:
        return self._function(*values)


def record(
    function: Callable[..., Any],
    example: tuple[torch.Tensor, ...],
    network: nn.Module | None = None,
) -> Recorded:
    """Trace a function; takes a few tenths of a second.

    Everything that does not depend on the inputs becomes a constant, parameters too.

    Args:
        function: Function of tensors to trace.
        example: Inputs to trace it with.
        network: Network whose parameters the function reads, if any.
    """
    module = _Traceable(function, network).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        warnings.simplefilter('ignore', DeprecationWarning)
        script = torch.jit.freeze(torch.jit.trace(module, example, check_trace=False))

    def run(*inputs: torch.Tensor) -> Any:
        # Optimising the recording would take half a second of the first calls.
        with torch.jit.optimized_execution(False), torch.inference_mode():
            return script(*inputs)

    return run


def export_network(network: EnergyNetwork, path: str | Path) -> None:
    """Write the energy of a network into one TorchScript file.

    The file's `forward` takes before (B, N, 2), after (B, N, 2), colors (B, N, 3), sizes (B, N)
    or (B, N, 2), present (B, N), subjects (B, N), attention (B, N), motion (B, N, 3) and codes
    (B or 1, 2W), all float32, and returns the residuals (B, K) of action and argument, whose
    squared norms are the energies; it is differentiable.
    """
    module = _EnergyModule(network).eval()
    like = next(module.parameters())
    generator = torch.Generator().manual_seed(0)
    code = torch.randn((1, 2 * network.config.code_width), generator=generator)
    _save(module, (*(value.to(like) for value in _example(4)), code.to(like)), path)


def export_residual(
    residual: Callable[[SceneBatch], torch.Tensor],
    count: int,
    path: str | Path,
    has_heights: bool = False,
) -> None:
    """Write a residual of scenes into one file, its bounds inside.

    A path that ends in .pt2 gets a program of torch.export, any other a TorchScript file.

    The file's `forward` takes what that of `export_network` takes, without the codes, and returns
    the residuals (B, K) of outcomes; it is differentiable in `after`. A concept about heights also
    takes those of the lower faces before and after, vertical sides, and how thick the walls of
    open boxes are (0 for what is solid), each (B, N).

    Args:
        residual: Function of B scenes to their residuals (B, K).
        count: Number N of entities in a scene; scenes with fewer are padded (present 0).
        path: File to write.
        has_heights: Whether the residual is about heights.
    """

    def flat(*values: torch.Tensor) -> torch.Tensor:
        given = len(SceneBatch._fields) - len(VERTICAL)
        before, after, colors, sizes, *masks = values[:given]
        scene = SceneBatch.flat(before, after, colors, sides_of(sizes, after), *masks)
        return residual(scene._replace(**dict(zip(VERTICAL, values[given:]))))

    module, example = _Traceable(flat).eval(), _example(count)
    if has_heights:
        table = torch.zeros_like(example[4])
        example = (*example, table, table, 0.16 + table, table)
    if Path(path).suffix != EXPORTED_PROGRAM:
        _save(module, example, path)
        return
    events = torch.export.Dim('events', min=1)
    shapes = (tuple({0: events} for _ in example),)
    program = torch.export.export(module, example, dynamic_shapes=shapes, strict=False)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)  # on a full disk it would end the process
    with replacing(Path(path)) as file:
        file.write(buffer.getvalue())


def _save(module: nn.Module, example: tuple[torch.Tensor, ...], path: str | Path) -> None:
    with warnings.catch_warnings():
        # The warnings are about sizes, which are traced as values; the tests use other sizes.
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        traced = torch.jit.trace(module, example, check_trace=False)
    with replacing(Path(path)) as file:
        torch.jit.save(traced, file)


def _example(count: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    batch = 3
    places = torch.rand((2, batch, count, 2), generator=generator)
    mask = torch.ones(batch, count)
    is_subject = (torch.arange(count) == 0).float()
    return (
        places[0],
        places[1],
        torch.rand((batch, count, 3), generator=generator),
        0.16 * mask,
        mask,
        mask * is_subject,
        mask * (1 - is_subject),
        torch.zeros(batch, count, NUM_MOTION_FEATURES),
    )


def load(path: str | Path, device: str | torch.device = 'cpu') -> torch.nn.Module:
    """Load an exported energy.

    Raises:
        ModelError: if the file is missing or no TorchScript.
    """
    if not Path(path).is_file():
        raise ModelError(f'there is no exported model {path}; write one with "export"')
    try:
        return torch.jit.load(str(path), map_location=device)
    except RuntimeError as error:
        raise ModelError(f'{path} is no TorchScript file: {error}') from error
