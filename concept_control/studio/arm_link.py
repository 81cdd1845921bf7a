"""The studio's end of the simulated arm: starts its process, keeps what it told last."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.process
import threading
from collections import deque
from pathlib import Path

import numpy as np

from concept_control.errors import StudioError
from concept_control.studio.arm_messages import ArmLook, ArmState, Command, Request
from concept_control.studio.arm_process import run_arm
from concept_control.studio.table import Table

CURVE_LENGTH = 1500
"""Points of the energy curve that are kept; a minute of them."""


class SimulatedArm:
    """An arm, its table and its controller in a process that ends with the studio.

    Args:
        arm: Name of an arm, or path of its YAML file.
        model_folder: Folder of a model; None for the one shipped.
        library: Folder of taught concepts.

    Attributes:
        look: What the arm looks like; None while it has not started.
        state: What the arm does now; None while it has not started.
    """

    def __init__(self, arm: str, model_folder: Path | None, library: Path) -> None:
        self._settings = (arm, model_folder, library)
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: multiprocessing.connection.Connection | None = None
        self.look: ArmLook | None = None
        self.state: ArmState | None = None
        self._table: Table | None = None
        self._curve: deque[tuple[float, float]] = deque(maxlen=CURVE_LENGTH)

    def curve(self) -> list[tuple[float, float]]:
        """Return pairs of time [s] and energy since the last command."""
        with self._lock:
            return list(self._curve)

    def table(self) -> Table:
        """Return the table as it stands before the arm.

        Raises:
            StudioError: if the arm has not started.
        """
        if self.state is None or self._table is None:
            raise StudioError('the arm has not started')
        return self._table.moved(self.state.places).settled()

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.is_alive()

    def send(self, request: Request) -> None:
        """Tell the arm something; its process is started by the first request.

        Raises:
            StudioError: if the process has died.
        """
        if not self.is_running:
            self._start()
        if isinstance(request, Table):
            self._table = request
        if isinstance(request, Command):
            with self._lock:
                self._curve.clear()
        try:
            assert self._pipe is not None
            self._pipe.send(request)
        except OSError as error:
            raise StudioError('the arm has stopped; give the command again') from error

    def close(self) -> None:
        """End the process."""
        if self._process is None or self._pipe is None:
            return
        with contextlib.suppress(OSError):  # it is gone
            self._pipe.send('end')
        self._process.join(timeout=3.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None

    def _start(self) -> None:
        # A fresh interpreter: a fork would copy the threads' locks of the page.
        context = multiprocessing.get_context('spawn')
        self._pipe, theirs = context.Pipe()
        self.look = self.state = None
        self._process = context.Process(
            target=run_arm, args=(theirs, *self._settings), name='studio-arm', daemon=True
        )
        self._process.start()
        theirs.close()
        threading.Thread(target=self._read, args=(self._pipe,), daemon=True).start()

    def _read(self, pipe: multiprocessing.connection.Connection) -> None:
        while True:
            try:
                told = pipe.recv()
            except (EOFError, OSError):
                return
            if isinstance(told, ArmLook):
                self.look = told
                continue
            with self._lock:
                self.state = told
                if np.isfinite(told.energy):
                    self._curve.append((told.time, told.energy))
