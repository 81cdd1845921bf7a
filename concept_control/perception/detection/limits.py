"""Limits of the blocks that may stand on the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.errors import PerceptionError


@dataclass(frozen=True)
class BlockLimits:
    """Limits of the blocks that may stand on the table.

    Attributes:
        table_height: Height of the table's top, world frame [m].
        min_height: Height above the table below which everything is table [m].
        max_height: Largest height of a block [m].
        max_stack: Largest height of blocks that stand on one another [m]; where the robot's parts
            are not known, what is higher than one block is taken for the robot.
        min_side: Smallest side of a block seen from above [m].
        max_side: Largest side of a block seen from above [m].
        bounds: (x_min, x_max, y_min, y_max) where blocks may be, world frame [m]; None for
            everywhere.
    """

    table_height: float = 0.0
    min_height: float = 0.008
    max_height: float = 0.065
    max_stack: float = 0.26
    min_side: float = 0.022
    max_side: float = 0.06
    bounds: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.min_height < self.max_height or not 0 < self.min_side < self.max_side:
            raise PerceptionError(
                'block limits need 0 < min_height < max_height and 0 < min_side < max_side, got '
                f'heights {self.min_height} .. {self.max_height} m, sides {self.min_side} .. '
                f'{self.max_side} m'
            )
        if self.bounds is not None:
            x_min, x_max, y_min, y_max = self.bounds
            if not (x_min < x_max and y_min < y_max):
                raise PerceptionError(
                    f'bounds {self.bounds} are empty; expected (x_min, x_max, y_min, y_max)'
                )

    @property
    def longest(self) -> float:
        """Largest side that a block may seem to have [m]."""
        return 1.2 * self.max_side

    def allows(self, sides: np.ndarray) -> bool:
        """Tell whether a block may have measured sides [m], seen from above."""
        return bool(sides.min() >= self.min_side and sides.max() <= self.longest)
