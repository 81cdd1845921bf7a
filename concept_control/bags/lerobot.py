"""LeRobot datasets (v3.0): read as demonstrations, and written from a bag's events.

The format is that of https://github.com/huggingface/lerobot, `src/lerobot/datasets`: frames of all
episodes in parquet files, one table of episodes, and JSON that says what the columns are. Images
are neither read nor written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from concept_control.bags.demonstrated_events import MAX_EVENTS, BagEvent
from concept_control.errors import BagError
from concept_control.input_files import one_line, read_json
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import DEFAULT_SIZE
from concept_control.world.tabletop import Tabletop, moved_ids
from concept_control.world.workspace import Workspace

VERSION = 'v3.0'
"""Version of the format."""

INFO = Path('meta') / 'info.json'
"""File by which a dataset is known."""

_FILE = 'chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
_COLUMN = re.compile(r'(?P<name>[^=\s]+)=(?P<column>[^\[\]]+)(\[(?P<start>\d+):(?P<end>\d+)\])?')
_UNKNOWN_COLOR = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class EntityColumn:
    """Where a dataset says where a thing is.

    Attributes:
        name: Name of the thing; a word for a colour is its colour, too.
        column: Name of the column, whose values begin with x and y in the arm's frame [m].
        start: Index of x in the column's vector.
    """

    name: str
    column: str
    start: int = 0

    @classmethod
    def parse(cls, text: str) -> EntityColumn:
        """Return what a text such as `red=observation.environment_state[0:2]` says.

        Raises:
            BagError: if it says something else.
        """
        found = _COLUMN.fullmatch(text.strip())
        if found is None:
            raise BagError(f'{text!r}: expected NAME=COLUMN or NAME=COLUMN[FIRST:LAST]')
        start, end = int(found['start'] or 0), int(found['end'] or 2)
        if found['start'] and end - start < 2:
            raise BagError(f'{text!r}: expected two numbers, x and y, or more')
        return cls(found['name'], found['column'], start)


def dataset_events(
    folder: Path, entities: Sequence[EntityColumn], workspace: Workspace
) -> list[BagEvent]:
    """Return each episode of a dataset as one event: its first and its last frame.

    Args:
        folder: Folder of the dataset.
        entities: Columns of the things, whose ids are 1, 2, … in this order.
        workspace: Square of the table that becomes [-1, 1]².

    Raises:
        BagError: if it is no such dataset, or has not these columns.
    """
    info = read_json(folder / INFO, BagError)
    version = str(info.get('codebase_version') if isinstance(info, dict) else '')
    if not version.startswith('v3.'):
        raise BagError(
            f'{folder} is of version {version or "unknown"}; expected {VERSION}: convert it with '
            'lerobot.datasets.v30.convert_dataset_v21_to_v30'
        )
    features = {k: v for k, v in info.get('features', {}).items() if isinstance(v, dict)}
    numeric = [k for k, v in features.items() if str(v.get('dtype', '')).startswith('float')]
    wrong = [e.column for e in entities if e.column not in numeric]
    if wrong or not entities:
        shown = ', '.join(f'{name} {features[name].get("shape")}' for name in numeric)
        raise BagError(
            f'{folder}: say with --entities NAME=COLUMN[FIRST:LAST] which columns hold x and y of '
            f'the things in metres'
            + (f'; there is no {", ".join(wrong)}' if wrong else '')
            + f'; columns of numbers are {shown or "none"}'
        )
    frames = _read(folder / 'data', ['episode_index', *{e.column for e in entities}])
    places = np.stack([_xy(frames, e, folder) for e in entities], axis=1)
    scenes = _scenes(workspace.to_workspace(places), entities)
    index = frames['episode_index'].to_numpy()
    times = 1.0 / float(info.get('fps') or 1.0)
    events = []
    for number in np.unique(index)[:MAX_EVENTS]:
        rows = np.flatnonzero(index == number)
        before, after = scenes(rows[0]), scenes(rows[-1])
        start, end = times * rows[0], times * rows[-1]
        moved = moved_ids(before, after)
        events.append(BagEvent(before, after, moved, (), start, end, '', 'episodes'))
    if not events:
        raise BagError(f'{folder} holds no episode')
    return events


def _scenes(places: np.ndarray, entities: Sequence[EntityColumn]) -> Any:
    """Return a function from a row's number to its scene; places (R, N, 2) in workspace units."""
    ids = tuple(range(1, len(entities) + 1))
    colors = np.array([NAMED_COLORS.get(e.name, _UNKNOWN_COLOR) for e in entities])
    sizes = np.full(len(ids), DEFAULT_SIZE)
    return lambda row: Tabletop(ids, places[row], colors, sizes)


def _read(folder: Path, columns: Sequence[str]) -> pa.Table:
    paths = sorted(folder.glob('*/*.parquet'))
    if not paths:
        raise BagError(f'{folder} holds no parquet files')
    try:
        return pa.concat_tables([pq.read_table(path, columns=list(columns)) for path in paths])
    except (pa.ArrowException, OSError) as error:
        raise BagError(f'{folder} cannot be read: {one_line(error)}') from error


def _xy(frames: pa.Table, entity: EntityColumn, folder: Path) -> np.ndarray:
    """Return x and y (R, 2) of a thing in all frames."""
    values = frames[entity.column].to_pylist()
    try:
        vectors = np.array(values, dtype=float).reshape(len(values), -1)
    except (TypeError, ValueError) as error:
        raise BagError(f'{folder}: {entity.column} holds no vectors of numbers') from error
    found = vectors[:, entity.start : entity.start + 2]
    if found.shape[1] != 2 or not np.isfinite(found).all():
        raise BagError(
            f'{folder}: {entity.column} has {vectors.shape[1]} numbers a frame; x and y of '
            f'{entity.name} should be finite, at {entity.start} and {entity.start + 1}'
        )
    return found


@dataclass(frozen=True)
class Episode:
    """One episode to write.

    Attributes:
        task: Sentence or command that it shows.
        columns: Column name to values (T, n), the same columns in all episodes.
    """

    task: str
    columns: Mapping[str, np.ndarray]


def write_dataset(
    folder: Path,
    episodes: Sequence[Episode],
    names: Mapping[str, Sequence[str]],
    fps: int,
    robot: str,
) -> None:
    """Write a dataset that LeRobot loads.

    Args:
        folder: Folder to make; it must not exist.
        episodes: Episodes, one at least.
        names: Names of the n numbers of each column.
        fps: Frames per second.
        robot: Type of the robot.

    Raises:
        BagError: if the folder exists.
    """
    if folder.exists():
        raise BagError(f'{folder} exists; datasets are not overwritten')
    tasks = list(dict.fromkeys(episode.task for episode in episodes))
    lengths = [len(next(iter(e.columns.values()))) for e in episodes]
    ends = np.cumsum(lengths)
    frame = np.concatenate([np.arange(length) for length in lengths])
    arrays = {
        name: np.concatenate([e.columns[name] for e in episodes]).astype(np.float32)
        for name in names
    }
    scalars: dict[str, np.ndarray] = {
        'timestamp': (frame / fps).astype(np.float32),
        'frame_index': frame,
        'episode_index': np.repeat(np.arange(len(episodes)), lengths),
        'index': np.arange(ends[-1]),
        'task_index': np.repeat([tasks.index(e.task) for e in episodes], lengths),
    }
    vectors = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        for name, values in arrays.items()
    }
    _write(folder / 'data', vectors | {k: pa.array(v) for k, v in scalars.items()})
    _write_episodes(folder, episodes, lengths, tasks)
    features: dict[str, Any] = {
        name: {'dtype': 'float32', 'shape': [len(n)], 'names': list(n)}
        for name, n in names.items()
    }
    for name, values in scalars.items():
        features[name] = {'dtype': str(values.dtype), 'shape': [1], 'names': None}
    info = {
        'codebase_version': VERSION, 'robot_type': robot, 'total_episodes': len(episodes),
        'total_frames': int(ends[-1]), 'total_tasks': len(tasks), 'chunks_size': 1000,
        'data_files_size_in_mb': 100, 'video_files_size_in_mb': 200, 'fps': fps,
        'splits': {'train': f'0:{len(episodes)}'}, 'data_path': f'data/{_FILE}',
        'video_path': None, 'features': features,
    }  # fmt: skip
    stats = {name: _stats(values) for name, values in (arrays | scalars).items()}
    for path, content in ((INFO, info), (Path('meta') / 'stats.json', stats)):
        (folder / path).write_text(json.dumps(content, indent=1) + '\n')


def _write_episodes(
    folder: Path, episodes: Sequence[Episode], lengths: Sequence[int], tasks: Sequence[str]
) -> None:
    """Write the tables of episodes and of tasks."""
    ends = np.cumsum(lengths)
    zeros = pa.array(np.zeros(len(episodes), dtype=np.int64))
    _write(
        folder / 'meta' / 'episodes',
        {
            'episode_index': pa.array(np.arange(len(episodes))),
            'tasks': pa.array([[e.task] for e in episodes]),
            'length': pa.array(lengths),
            **{f'{where}/{kind}_index': zeros for where in ('data', 'meta/episodes')
               for kind in ('chunk', 'file')},
            'dataset_from_index': pa.array(ends - lengths),
            'dataset_to_index': pa.array(ends),
        },
    )  # fmt: skip
    # The tasks as pandas stores a frame whose index they are.
    table = pa.table({'task_index': pa.array(range(len(tasks))), 'task': pa.array(tasks)})
    about = {
        'index_columns': ['task'],
        'column_indexes': [],
        'columns': [
            {'name': name, 'field_name': name, 'pandas_type': kind, 'numpy_type': numpy,
             'metadata': None}
            for name, kind, numpy in (
                ('task_index', 'int64', 'int64'), ('task', 'unicode', 'object')
            )
        ],
        'pandas_version': '2.0.0',
    }  # fmt: skip
    table = table.replace_schema_metadata({'pandas': json.dumps(about)})
    pq.write_table(table, folder / 'meta' / 'tasks.parquet')


def _write(folder: Path, columns: Mapping[str, pa.Array]) -> None:
    path = folder / _FILE.format(chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(dict(columns)), path)


def _stats(values: np.ndarray) -> dict[str, list[float]]:
    rows = values.reshape(len(values), -1).astype(float)
    return {
        'min': rows.min(axis=0).tolist(),
        'max': rows.max(axis=0).tolist(),
        'mean': rows.mean(axis=0).tolist(),
        'std': rows.std(axis=0).tolist(),
        'count': [len(rows)],
    }
