"""LeRobot datasets are read as demonstrations, and bags written as such datasets."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')
pytest.importorskip('pyarrow', reason='pyarrow is not installed')

from concept_control.bags.lerobot import EntityColumn, Episode, dataset_events, write_dataset
from concept_control.bags.lerobot_export import export_bag
from concept_control.bags.setup import read_setup
from concept_control.cli.main import main
from concept_control.errors import BagError

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'
SETUP = read_setup()
SCENE = 'observation.environment_state'


@pytest.fixture
def dataset(tmp_path):
    """Five episodes in which the first thing goes to the middle of the two others."""
    rng, episodes = np.random.default_rng(2), []
    for number in range(5):
        places = np.repeat(rng.uniform(-0.8, 0.8, (1, 3, 2)), 4 + number, axis=0)
        places[-1, 0] = places[0, 1:].mean(axis=0)
        world = SETUP.arm.workspace.to_world(places).reshape(len(places), 6)
        episodes.append(Episode('to the middle', {SCENE: world, 'action': world[:, :2]}))
    names = {SCENE: ['rx', 'ry', 'bx', 'by', 'gx', 'gy'], 'action': ['x', 'y']}
    write_dataset(tmp_path / 'shown', episodes, names, 5, 'franka')
    return tmp_path / 'shown', episodes


def columns(*texts):
    return [EntityColumn.parse(text) for text in texts]


def test_episodes_are_demonstrations(dataset, tmp_path, capsys):
    folder, episodes = dataset
    things = [f'{c}={SCENE}[{2 * i}:{2 * i + 2}]' for i, c in enumerate(('red', 'blue', 'green'))]
    events = dataset_events(folder, columns(*things), SETUP.arm.workspace)
    assert [event.subjects for event in events] == [(1,)] * 5
    for event, episode in zip(events, episodes):
        world = SETUP.arm.workspace.to_world(event.after.positions)
        np.testing.assert_allclose(world.ravel(), episode.columns[SCENE][-1], atol=1e-6)
    library = tmp_path / 'library'
    teach = ['teach', 'middle', '--from', str(folder), '--library', str(library)]
    assert main([*teach, '--entities', *things]) == 0
    assert '5 demonstrations from episodes' in capsys.readouterr().out
    assert main([*teach, '--replace']) == 1
    assert f'columns of numbers are {SCENE} [6], action [2]' in capsys.readouterr().err


def test_what_is_no_such_dataset_is_refused_in_words(dataset, tmp_path):
    folder, _ = dataset
    info = json.loads((folder / 'meta' / 'info.json').read_text())
    for wanted, complaint in (
        (columns('red=nowhere'), 'there is no nowhere'),
        (columns('red=action[1:3]'), 'action has 2 numbers a frame'),
    ):
        with pytest.raises(BagError, match=complaint):
            dataset_events(folder, wanted, SETUP.arm.workspace)
    for text in ('red', 'red=a[1:2]'):
        with pytest.raises(BagError, match='expected'):
            columns(text)
    with pytest.raises(BagError, match='exists'):
        export_bag(SAMPLE, folder, SETUP, None, 10)
    (folder / 'meta' / 'info.json').write_text(json.dumps(info | {'codebase_version': 'v2.1'}))
    with pytest.raises(BagError, match='convert it'):
        dataset_events(folder, columns('red=action'), SETUP.arm.workspace)


def test_a_bag_becomes_a_dataset_that_shows_the_same(tmp_path):
    """`lerobot` itself loads it where it is installed."""
    folder = tmp_path / 'out'
    assert main(['excerpt', str(SAMPLE), str(folder), '--storage', 'lerobot']) == 0
    info = json.loads((folder / 'meta' / 'info.json').read_text())
    names = info['features'][SCENE]['names']
    things = [f'n{i}={SCENE}[{i}:{i + 2}]' for i in range(0, len(names), 2)]
    (event,) = dataset_events(folder, columns(*things), SETUP.arm.workspace)
    assert len(event.subjects) == 1 and info['total_frames'] > 20
    assert info['features']['observation.state']['shape'] == [SETUP.arm.num_joints]
    datasets = pytest.importorskip('lerobot.datasets.lerobot_dataset', reason='no lerobot')
    loaded = datasets.LeRobotDataset('local/out', root=folder)
    assert len(loaded) == info['total_frames'] and loaded.num_episodes == 1
    assert loaded[5]['task'] == 'between(red; blue, green)'
    assert loaded[5][SCENE].shape == (len(names),)
