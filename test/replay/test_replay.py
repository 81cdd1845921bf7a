"""Replay evaluation: on the sample bag, on made-up ones whose numbers are known, and damaged."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
import yaml

pytest.importorskip('rosbags', reason='rosbags is not installed')

from made_up_bags import WORKSPACE, MadeUp, blank, entity_array, message

from concept_control.cli.main import main
from concept_control.control.arm.description import ArmDescription
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.model import ConceptModel
from concept_control.interfaces.constants import GoalStatus
from concept_control.language.expression import parse
from concept_control.language.grounding import ground
from concept_control.language.library import ConceptLibrary
from concept_control.world.tabletop import Tabletop

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / 'test' / 'data' / 'between'

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.2], [0.95, 0.85, 0.1]])
START = np.array([[-0.7, 0.6], [0.5, 0.4], [-0.3, -0.6], [0.8, -0.7]])
MIDDLE = (START[1] + START[2]) / 2
PERIOD, STEPS, GIVEN = 0.1, 40, 5.0


@pytest.fixture(scope='module')
def model():
    return ConceptModel.load()


def path_of_red(step):
    """Red goes straight to the middle, arrives after three quarters of the time, and stays."""
    share = min(1.0, step / (0.75 * STEPS))
    moved = START.copy()
    moved[0] = START[0] + share * (MIDDLE - START[0])
    return moved


@pytest.fixture(scope='module')
def carried(model):
    """A recording in which red is put exactly between blue and green, with its true energies."""
    expression = 'between(red; blue, green)'
    size = float(WORKSPACE.length_to_workspace(0.04))
    scene = Tabletop((1, 2, 3, 4), START, COLORS, np.full(4, size))
    library = ConceptLibrary.learn(model, ['red', 'blue', 'green', 'between'])
    grounded = ground(parse(expression), scene, model, library)
    energy = GoalEnergy(model, grounded.program)
    movable = scene.mask(grounded.movable)
    bag = MadeUp()
    recorded_library = message('concept_control/msg/ConceptLibrary', stamp=0.0)
    for concept in library:
        made = blank('concept_control/msg/Concept')
        made.name, made.source, made.model = concept.name, 'shipped', model.fingerprint
        made.code, made.num_demonstrations = concept.code.to_array(), 5
        made.demonstrations_hash = concept.demonstrations_hash
        recorded_library.concepts.append(made)
    bag.add('/concepts', 0.0, recorded_library)
    bag.add('/entities', GIVEN, entity_array(GIVEN, START, COLORS))
    term = blank('concept_control/msg/ConceptTerm')
    (bound,) = grounded.program
    term.name, term.weight, term.code = 'between', 1.0, bound.code.to_array()
    ids = np.array(scene.ids, dtype=np.int32)
    term.subjects, term.arguments = ids[bound.subjects.numpy()], ids[bound.attention.numpy() > 0.5]
    bag.add(
        '/concept_goal',
        GIVEN,
        message(
            'concept_control/msg/ConceptGoal',
            stamp=GIVEN,
            goal_id=1,
            expression=expression,
            model=model.fingerprint,
            terms=[term],
            entities=ids,
            movable=np.array([1], dtype=np.int32),
        ),
    )
    for step in range(1, STEPS + 1):
        time = GIVEN + PERIOD * step
        positions = path_of_red(step)
        outcome = torch.as_tensor(positions[None], dtype=torch.float32)
        events = scene.events(movable).with_outcome(outcome)
        held = (1,) if step < 0.75 * STEPS else ()
        bag.add('/entities', time, entity_array(time, positions, COLORS, held=held))
        bag.add('/ground_truth', time, entity_array(time, positions, COLORS, held=held))
        bag.add(
            '/concept_status',
            time,
            message(
                'concept_control/msg/ConceptStatus',
                stamp=time,
                goal_id=1,
                status=GoalStatus.SATISFIED if step == STEPS else GoalStatus.ACTIVE,
                source='mpc_controller',
                phase='carry' if held else 'hold',
                energy=float(energy.value(events)[0]),
                entities=ids,
                attention=np.array([0, 1, 1, 0], dtype=np.float32),
                plan_time_p50=0.004,
                plan_time_p99=0.02,
                num_plans=step,
                missed_deadlines=2,
            ),
        )
    return bag


def evaluate(*arguments, expect=0):
    code = main(['evaluate', *map(str, arguments)])
    assert code == expect
    return code


def report_of(folder, *arguments, expect=0):
    evaluate(*arguments, '--json', folder / 'report.json', expect=expect)
    return json.loads((folder / 'report.json').read_text())


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_numbers_that_are_known_are_found(carried, tmp_path, storage):
    bag = carried.write(tmp_path / 'bag', storage)
    (report,) = report_of(tmp_path, bag)['bags']
    (command,) = report['commands']
    assert report['storage'] == storage and report['success'] and command['holds']
    assert command['judged_on'] == 'entities'  # there was no truth yet when it was given
    arrival = 0.75 * STEPS * PERIOD
    tolerance = command['tolerance_mm']
    metres = WORKSPACE.half_extent
    assert command['error_mm'] == pytest.approx(0.0, abs=0.01)
    assert command['time_to_satisfy_s'] == pytest.approx(arrival)  # not while it is still held
    errors = np.array(command['predicate']['error_mm'])
    start = 1000 * metres * np.linalg.norm(START[0] - MIDDLE)
    assert errors[0] == pytest.approx(start * (1 - 1 / (0.75 * STEPS)), rel=1e-3)
    assert errors.max() > tolerance > errors.min()
    assert command['energy']['difference']['compared'] >= STEPS
    assert command['energy']['difference']['sqrt_max'] < 1e-4
    assert command['identification']['recomputed_is_recorded']
    assert command['identification']['recorded_is_true']
    assert command['plans'] == {
        'number': STEPS, 'missed_deadlines': 2, 'time_p50_ms': 4.0, 'time_p99_ms': 20.0
    }  # fmt: skip
    assert report['inputs']['entities']['longest_gap_s'] == pytest.approx(PERIOD)


@pytest.fixture(scope='module')
def sample_files(tmp_path_factory):
    """The numbers and the page of the sample."""
    folder = tmp_path_factory.mktemp('sample')
    report, page = folder / 'report.json', folder / 'page.html'
    evaluate(SAMPLE, '--fail-under', '1', '--json', report, '--html', page)
    return report, page


def test_the_sample_is_small_and_its_command_succeeded(sample_files):
    assert sum(p.stat().st_size for p in SAMPLE.iterdir()) < 1_000_000
    numbers, page = sample_files
    (report,) = json.loads(numbers.read_text())['bags']
    (command,) = report['commands']
    assert command['judged_on'] == 'ground truth' and command['ending'] == 'satisfied'
    assert command['error_mm'] <= command['tolerance_mm'] == 15.0
    assert 0 < command['time_to_satisfy_s'] <= command['reported_after_s'] + 0.2
    assert command['identification']['recorded_is_true']
    energies = command['energy']['recomputed']['energy']
    assert energies[-1] < 0.1 * max(energies)
    assert report['perception']['entities_compared'] > 20
    assert report['perception']['offset_mm_median'] < 2.0
    assert report['jerk']['rms'] > 0
    text = page.read_text()
    assert text.count('<svg') == 2 and text.count('<img') == 8 and 'between(red; blue' in text


def test_the_same_bag_gives_the_same_bytes_without_ros(sample_files, tmp_path):
    """Here, and in a fresh process with another hash seed that cannot import rclpy."""
    script = (
        'import sys\n'
        'class Block:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        '        if name.split(".")[0] == "rclpy" or name == "concept_control.msg":\n'
        '            raise ImportError(f"{name} must not be needed")\n'
        'sys.meta_path.insert(0, Block())\n'
        'from concept_control.cli.main import main\n'
        'sys.exit(main(sys.argv[1:]))\n'
    )
    again = [tmp_path / file.name for file in sample_files]
    subprocess.run(
        [sys.executable, '-c', script, 'evaluate', SAMPLE, '--fail-under', '1',
         '--json', again[0], '--html', again[1]],
        check=True, cwd=ROOT, env={**os.environ, 'PYTHONHASHSEED': '7'},
    )  # fmt: skip
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in sample_files]


def test_another_model_is_asked_without_the_recorded_codes(carried, tmp_path, monkeypatch):
    recorded = AgreementEnergy.fingerprint
    monkeypatch.setattr(AgreementEnergy, 'fingerprint', 'agreement-other')
    bag = carried.write(tmp_path / 'bag')
    (report,) = report_of(tmp_path, bag)['bags']
    (command,) = report['commands']
    assert report['model'] != command['model'] == recorded
    assert 'difference' not in command['energy']
    energies = command['energy']['recomputed']['energy']
    assert len(energies) == STEPS and energies[-1] < 0.1 * energies[0]


def test_several_bags_make_a_table_and_ci_can_fail(carried, tmp_path, capsys):
    good = carried.write(tmp_path / 'good')
    away = without_the_end(carried, tmp_path / 'away')
    evaluate(good, away, '--fail-under', '0.5')
    lines = capsys.readouterr().out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith('bag '))
    rows = [line.split()[:3] for line in lines[header + 1 : header + 3]]
    assert rows == [['good', '1', '1'], ['away', '1', '0']]
    evaluate(away, '--fail-under', '0.1', '--xunit', tmp_path / 'x.xml', expect=1)
    assert 'does not hold' in (tmp_path / 'x.xml').read_text()


def test_what_is_dropped_is_a_note_in_text_json_html_and_xunit(carried, tmp_path, capsys):
    """Drivers outside the namespace, other names and encodings, no velocities, half-size depth."""
    bag = MadeUp([(f'/left{topic}', *rest) for topic, *rest in carried.messages])
    arm = ArmDescription.load('franka')
    image = message('sensor_msgs/msg/Image', encoding='rgb8', height=2, width=4, step=12)
    image.data = np.zeros(24, np.uint8)
    depth = message('sensor_msgs/msg/Image', encoding='16UC1', height=1, width=2, step=4)
    depth.data = np.zeros(4, np.uint8)
    info = message('sensor_msgs/msg/CameraInfo', stamp=1.0, height=2, width=4)
    info.k = np.array([4.0, 0.0, 2.0, 0.0, 4.0, 1.0, 0.0, 0.0, 1.0])
    packed = message('sensor_msgs/msg/CompressedImage', format='rgb8; jpeg compressed bgr8')
    packed.data = cv2.imencode('.jpg', image.data.reshape(2, 4, 3))[1].reshape(-1)
    for step in range(20):
        time = GIVEN + 0.1 * step
        joints = message('sensor_msgs/msg/JointState', stamp=time, name=list(arm.joints))
        joints.position = arm.home + 0.01 * step
        bag.add('/joint_states', time, joints)
        for topic, made, late in (
            ('/left/camera/color/image_raw/compressed', packed, 0.0),
            ('/left/camera/depth/image_raw', depth, 0.004 if step % 2 else 0.016),
            ('/left/camera/color/camera_info', info, 0.0),
            ('/camera/aligned/image_raw', image, 0.0),
        ):
            sent, stamp = deepcopy(made), round(1e9 * (time + late))
            sent.header.frame_id = 'optical'
            sent.header.stamp.sec, sent.header.stamp.nanosec = divmod(stamp, 10**9)
            bag.add(topic, time, sent)
    bag.add('/right/joint_states', 9.0, joints)
    path, page, xunit = bag.write(tmp_path / 'bag'), tmp_path / 'page.html', tmp_path / 'x.xml'
    (report,) = report_of(tmp_path, path, '--html', page, '--xunit', xunit)['bags']
    expected = (
        '/joint_states is outside the namespace /left',
        '/right/joint_states was left out: it is of another namespace',
        'joint_states: velocities are missing',
        '10 frames could not be used; the first: the depth map is float32 (1, 2)',
        'the nearest is 16.0 ms off',
    )
    texts = [' '.join(report['notes']), page.read_text(), xunit.read_text()]
    texts.append(capsys.readouterr().out)
    for note in expected:
        assert all(note in text for text in texts), (note, report['notes'])
    assert report['jerk']['samples'] > 0 and report['inputs']['joint_states']['messages'] == 20
    suite = ElementTree.parse(xunit).getroot()[0]
    assert (suite.get('tests'), suite.get('failures')) == ('1', '0')
    params = tmp_path / 'params.yaml'
    demo = yaml.safe_load((ROOT / 'config/demo.yaml').read_text())
    extractor = demo['/**/entity_extractor']['ros__parameters']
    extractor['max_stamp_gap'], extractor['camera']['color_topic'] = 0.02, '/elsewhere'
    params.write_text(yaml.safe_dump(demo))
    (report,) = report_of(tmp_path, path, '--params', params)['bags']
    (note,) = [note for note in report['notes'] if note.startswith('/elsewhere was not recorded')]
    assert '/camera/aligned/image_raw' in note and 'compressed' in note


def without_the_end(carried, path):
    """The same, broken off while red is on its way."""
    part = MadeUp([m for m in carried.messages if m[2] < GIVEN + 1.5])
    return part.write(path)


def test_two_robots_are_told_apart_by_their_namespace(carried, tmp_path, capsys):
    both = MadeUp(
        [(f'/{robot}{topic}', *rest) for topic, *rest in carried.messages for robot in 'ab']
    )
    bag = both.write(tmp_path / 'bag')
    evaluate(bag, expect=1)
    assert 'several robots, in the namespaces /a, /b' in capsys.readouterr().err
    evaluate(bag, '--namespace', 'b', '--fail-under', '1')


def test_a_bag_of_something_else_is_refused_with_what_it_holds(tmp_path, capsys):
    foreign = MadeUp()
    foreign.add('/chatter', 1.0, message('std_msgs/msg/String', data='hello'))
    evaluate(foreign.write(tmp_path / 'foreign'), expect=1)
    assert '/chatter (std_msgs/msg/String)' in capsys.readouterr().err


def test_a_big_bag_needs_no_more_memory_than_a_small_one(carried, tmp_path):
    """125 MB of depth images and many joint states, in a process whose peak is measured."""
    big = MadeUp(list(carried.messages))
    image = message('sensor_msgs/msg/Image', stamp=6.0)
    image.height, image.width, image.step, image.encoding = 400, 400, 800, '16UC1'
    image.data = np.random.default_rng(0).integers(0, 255, 320_000, dtype=np.uint8)
    for step in range(400):
        big.add('/camera/depth/image_raw', 10.0 + step, image)
    joints = message('sensor_msgs/msg/JointState')
    arm = ArmDescription.load('franka')
    joints.name = list(arm.joints)
    joints.position = joints.velocity = np.zeros(arm.num_joints)
    for step in range(5_000):
        big.add('/joint_states', 20.0 + 0.1 * step, joints)
    bags = (carried.write(tmp_path / 'small'), big.write(tmp_path / 'big'))
    assert sum(p.stat().st_size for p in bags[1].iterdir()) > 125e6
    script = (
        'import resource, sys\n'
        'from concept_control.cli.main import main\n'
        'for bag in sys.argv[1:]:\n'
        '    assert main(["evaluate", bag]) == 0\n'
        '    print("PEAK", 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', script, *bags], capture_output=True, text=True, check=True
    )
    small, large = [int(line.split()[1]) for line in done.stdout.splitlines() if 'PEAK' in line]
    assert large < small + 50e6
