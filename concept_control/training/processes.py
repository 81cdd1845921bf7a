"""Several processes that train one model: each on concepts of its own, gradients averaged.

This is what DistributedDataParallel does, written out: a step runs the networks several times
(the unrolled sampler, for one), which its hooks do not allow.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn

from concept_control.errors import ModelError

_MAX_PROCESSES = 1024


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; alone unless started by torchrun.

    Attributes:
        rank: Number of this process, from 0.
        count: Number of processes.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls) -> Processes:
        """Join the group that torchrun describes in the environment (gloo), if it does.

        Raises:
            ModelError: if the environment describes a group that cannot be.
        """
        count = os.environ.get('WORLD_SIZE', '1')
        rank = os.environ.get('RANK', '0')
        if not (count.isdigit() and rank.isdigit() and int(rank) < int(count) <= _MAX_PROCESSES):
            raise ModelError(
                f'RANK={rank} and WORLD_SIZE={count} describe no group of processes; start them '
                'with "torchrun --nproc-per-node 2 -m concept_control.training ..."'
            )
        if int(count) > 1 and not distributed.is_initialized():
            distributed.init_process_group('gloo')
        return cls(int(rank), int(count))

    @property
    def is_first(self) -> bool:
        """Whether this process reports and saves."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their mean over the processes; all have the same ones then."""
        if self.count == 1:
            return
        chosen = list(parameters)
        parts = [p.grad if p.grad is not None else torch.zeros_like(p) for p in chosen]
        flat = torch.cat([part.flatten() for part in parts])
        distributed.all_reduce(flat)
        flat /= self.count
        for parameter, part in zip(chosen, flat.split([p.numel() for p in chosen])):
            parameter.grad = part.view_as(parameter).clone()

    def agree(self, value: float) -> float:
        """Return the first process's value, so that all take the same decisions."""
        if self.count == 1:
            return value
        number = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(number, src=0)
        return float(number)

    def collect(self, value: Any) -> list[Any]:
        """Return every process's value, by rank."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def leave(self) -> None:
        """Wait for the others and leave the group."""
        if self.count > 1 and distributed.is_initialized():
            distributed.barrier()
            distributed.destroy_process_group()
