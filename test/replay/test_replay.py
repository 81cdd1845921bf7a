"""Replay evaluation: on the sample bag, on made-up ones whose numbers are known, and damaged."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('rosbags', reason='rosbags is not installed')

from mcap.reader import make_reader
from mcap.writer import Writer as McapWriter

from concept_control.bags.excerpt import ExcerptConfig, excerpt
from concept_control.bags.reader import Bag
from concept_control.cli.main import main
from concept_control.control.arm.description import ArmDescription
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
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
def carried(made_up, model):
    """A recording in which red is put exactly between blue and green, with its true energies."""
    expression = 'between(red; blue, green)'
    size = float(made_up.workspace.length_to_workspace(0.04))
    scene = Tabletop((1, 2, 3, 4), START, COLORS, np.full(4, size))
    library = ConceptLibrary.learn(model, ['red', 'blue', 'green', 'between'])
    grounded = ground(parse(expression), scene, model, library)
    energy = GoalEnergy(model, grounded.program)
    movable = scene.mask(grounded.movable)
    bag = made_up.MadeUp()
    recorded_library = made_up.message('concept_control/msg/ConceptLibrary', stamp=0.0)
    for concept in library:
        made = made_up.blank('concept_control/msg/Concept')
        made.name, made.source, made.model = concept.name, 'shipped', model.fingerprint
        made.code, made.num_demonstrations = concept.code.to_array(), 5
        made.demonstrations_hash = concept.demonstrations_hash
        recorded_library.concepts.append(made)
    bag.add('/concepts', 0.0, recorded_library)
    bag.add('/entities', GIVEN, made_up.entity_array(GIVEN, START, COLORS))
    term = made_up.blank('concept_control/msg/ConceptTerm')
    (bound,) = grounded.program
    term.name, term.weight, term.code = 'between', 1.0, bound.code.to_array()
    ids = np.array(scene.ids, dtype=np.int32)
    term.subjects, term.arguments = ids[bound.subjects.numpy()], ids[bound.attention.numpy() > 0.5]
    bag.add(
        '/concept_goal',
        GIVEN,
        made_up.message(
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
        bag.add('/entities', time, made_up.entity_array(time, positions, COLORS, held=held))
        bag.add('/ground_truth', time, made_up.entity_array(time, positions, COLORS, held=held))
        bag.add(
            '/concept_status',
            time,
            made_up.message(
                'concept_control/msg/ConceptStatus',
                stamp=time,
                goal_id=1,
                status=3 if step == STEPS else 1,
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
def test_numbers_that_are_known_are_found(carried, made_up, tmp_path, storage):
    bag = carried.write(tmp_path / 'bag', storage)
    (report,) = report_of(tmp_path, bag)['bags']
    (command,) = report['commands']
    assert report['storage'] == storage and report['success'] and command['holds']
    assert command['judged_on'] == 'entities'  # there was no truth yet when it was given
    arrival = 0.75 * STEPS * PERIOD
    tolerance = command['tolerance_mm']
    metres = made_up.workspace.half_extent
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


def test_the_sample_is_small_and_its_command_succeeded(tmp_path):
    assert sum(p.stat().st_size for p in SAMPLE.iterdir()) < 1_000_000
    page = tmp_path / 'page.html'
    whole = report_of(tmp_path, SAMPLE, '--fail-under', '1', '--html', page)
    (report,) = whole['bags']
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


def test_the_same_bag_gives_the_same_bytes_without_ros(tmp_path):
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
    files = [tmp_path / f'{where}.{kind}' for where in 'ab' for kind in ('json', 'html')]
    evaluate(SAMPLE, '--json', files[0], '--html', files[1])
    subprocess.run(
        [sys.executable, '-c', script, 'evaluate', SAMPLE, '--json', files[2], '--html', files[3]],
        check=True, cwd=ROOT, env={**os.environ, 'PYTHONHASHSEED': '7'},
    )  # fmt: skip
    assert files[0].read_bytes() == files[2].read_bytes()
    assert files[1].read_bytes() == files[3].read_bytes()


def test_another_model_is_asked_without_the_recorded_codes(carried, model, tmp_path):
    other = ConceptModel.load()
    weights = next(other.network.parameters())
    weights.add_(1e-6)
    other.save(tmp_path / 'model')
    bag = carried.write(tmp_path / 'bag')
    (report,) = report_of(tmp_path, bag, '--model', tmp_path / 'model')['bags']
    (command,) = report['commands']
    assert report['model'] != command['model'] == model.fingerprint
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
    evaluate(away, '--fail-under', '0.1', expect=1)


def without_the_end(carried, path):
    """The same, broken off while red is on its way."""
    part = type(carried)([m for m in carried.messages if m[2] < GIVEN + 1.5])
    return part.write(path)


def test_two_robots_are_told_apart_by_their_namespace(carried, tmp_path, capsys):
    both = type(carried)(
        [(f'/{robot}{topic}', *rest) for topic, *rest in carried.messages for robot in 'ab']
    )
    bag = both.write(tmp_path / 'bag')
    evaluate(bag, expect=1)
    assert 'several robots, in the namespaces /a, /b' in capsys.readouterr().err
    evaluate(bag, '--namespace', 'b', '--fail-under', '1')


def test_bags_that_are_none_are_refused_in_words(made_up, tmp_path, capsys):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'hollow').mkdir()
    (tmp_path / 'hollow' / 'hollow_0.mcap').touch()
    (tmp_path / 'text.mcap').write_text('no bag at all')
    (tmp_path / 'text.db3').write_text('no bag at all')
    foreign = made_up.MadeUp()
    foreign.add('/chatter', 1.0, made_up.message('std_msgs/msg/String', data='hello'))
    foreign.write(tmp_path / 'foreign')
    for name, complaint in {
        'nowhere': 'there is no bag',
        'empty': 'neither .mcap nor .db3',
        'hollow': 'no whole message',
        'text.mcap': 'no whole message',
        'text.db3': 'cannot be read',
        'foreign': '/chatter (std_msgs/msg/String)',
    }.items():
        evaluate(tmp_path / name, expect=1)
        assert complaint in capsys.readouterr().err, name


def test_an_unfinished_bag_gives_what_is_there_and_says_so(carried, tmp_path, capsys):
    bag = carried.write(tmp_path / 'bag')
    (bag / 'metadata.yaml').unlink()
    whole = report_of(tmp_path, bag)
    assert 'the recording was not finished' in whole['bags'][0]['notes'][0]
    assert whole['num_succeeded'] == 1
    (file,) = bag.glob('*.mcap')
    data = file.read_bytes()
    file.write_bytes(data[:-40])
    notes = report_of(tmp_path, bag)['bags'][0]['notes']
    assert any('cut off' in note for note in notes)
    file.write_bytes(data[: len(data) // 2])
    evaluate(bag, expect=1)  # all of it was one chunk
    assert 'no whole message' in capsys.readouterr().err


@pytest.mark.parametrize('compress', ['message', 'file'])
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_compressed_bag_is_read_with_metadata_and_without(carried, tmp_path, storage, compress):
    bag = carried.write(tmp_path / 'bag', storage, compress)
    assert len(list(bag.glob('*.zstd'))) == (compress == 'file')
    assert report_of(tmp_path, bag, '--fail-under', '1')['bags'][0]['notes'] == []
    (bag / 'metadata.yaml').unlink()
    assert report_of(tmp_path, bag)['num_succeeded'] == 1


def test_what_is_packed_and_damaged_is_refused_or_read_in_part(carried, tmp_path, capsys):
    bag = carried.write(tmp_path / 'bag', 'mcap', 'file')
    (file,) = bag.glob('*.zstd')
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    evaluate(bag, expect=1)  # all of it was one block
    assert 'cut off' in capsys.readouterr().err
    file.write_bytes(b'no zstd at all')
    evaluate(bag, expect=1)
    assert 'cannot be unpacked' in capsys.readouterr().err


def test_the_journal_of_a_killed_recording_is_read_and_the_bag_left_as_it_is(carried, tmp_path):
    """What `ros2 bag record --storage sqlite3` leaves when it is killed: all is in the journal."""
    whole = carried.write(tmp_path / 'whole', 'sqlite3')
    killed = tmp_path / 'killed'
    killed.mkdir()
    live = sqlite3.connect(tmp_path / 'live.db3')
    live.execute('PRAGMA journal_mode=WAL')
    live.executescript('\n'.join(sqlite3.connect(next(whole.glob('*.db3'))).iterdump()))
    for suffix in ('', '-wal'):
        shutil.copy(tmp_path / f'live.db3{suffix}', killed / f'killed_0.db3{suffix}')
    before = {path: path.read_bytes() for path in killed.iterdir()}
    (report,) = report_of(tmp_path, killed, '--fail-under', '1')['bags']
    assert any('last messages come from killed_0.db3-wal' in note for note in report['notes'])
    assert {path: path.read_bytes() for path in killed.iterdir()} == before


def test_a_recording_for_speed_has_no_index_and_is_read_in_the_order_it_was_written(
    carried, tmp_path
):
    """`--storage-preset-profile fastwrite`: no chunks, and messages a little out of order."""
    (source,) = carried.write(tmp_path / 'bag').glob('*.mcap')
    path = tmp_path / 'fast.mcap'
    with source.open('rb') as old, path.open('wb') as new:
        writer = McapWriter(new, use_chunking=False)
        writer.start(profile='ros2')
        schemas, channels = {}, {}
        for number, (schema, channel, message) in enumerate(make_reader(old).iter_messages()):
            if channel.id not in channels:
                schemas[channel.id] = writer.register_schema(
                    schema.name, schema.encoding, schema.data
                )
                channels[channel.id] = writer.register_channel(
                    channel.topic, 'cdr', schemas[channel.id], channel.metadata
                )
            late = 30_000_000 * (number % 2)
            writer.add_message(
                channels[channel.id], message.log_time + late, message.data, message.publish_time
            )
        writer.finish()
    (report,) = report_of(tmp_path, path, '--fail-under', '1')['bags']
    assert report['notes'] == [] and report['commands'][0]['holds']


def test_profiles_that_differ_between_file_and_metadata_hide_nothing(carried, tmp_path):
    """As `ros2 bag convert` leaves them; rosbags' own reader then passes over the topic."""
    bag = carried.write(tmp_path / 'bag', 'sqlite3')
    with sqlite3.connect(next(bag.glob('*.db3'))) as database:
        database.execute("UPDATE topics SET offered_qos_profiles='- history: 3\n  depth: 0\n"
                         "  reliability: 1\n  durability: 2\n  deadline: {sec: 0, nsec: 0}\n"
                         "  lifespan: {sec: 0, nsec: 0}\n  liveliness: 1\n"
                         "  liveliness_lease_duration: {sec: 0, nsec: 0}\n"
                         "  avoid_ros_namespace_conventions: false'")  # fmt: skip
    assert report_of(tmp_path, bag)['num_succeeded'] == 1


def test_split_recordings_are_read_in_order_and_a_missing_part_is_told(carried, tmp_path):
    """The second and the tenth part: by name alone the tenth would come first."""
    bag = tmp_path / 'bag'
    bag.mkdir()
    times = sorted({m[2] for m in carried.messages})
    middle = times[len(times) // 2]
    for number, is_in in ((2, lambda t: t < middle), (10, lambda t: t >= middle)):
        part = type(carried)([m for m in carried.messages if is_in(m[2])])
        written = part.write(tmp_path / f'part_{number}')
        shutil.copy(next(written.glob('*.mcap')), bag / f'bag_{number}.mcap')
    assert report_of(tmp_path, bag)['num_succeeded'] == 1
    names = ''.join(f'\n  - bag_{number}.mcap' for number in (2, 10, 11))
    (bag / 'metadata.yaml').write_text(
        f'rosbag2_bagfile_information:\n  relative_file_paths:{names}\n'
    )
    (report,) = report_of(tmp_path, bag, '--fail-under', '1')['bags']
    assert report['notes'][0].startswith('bag_11.mcap is missing')


def test_a_big_bag_needs_no_more_memory_than_a_small_one(carried, made_up, tmp_path):
    """125 MB of depth images and many joint states, in a process whose peak is measured."""
    big = type(carried)(list(carried.messages))
    image = made_up.message('sensor_msgs/msg/Image', stamp=6.0)
    image.height, image.width, image.step, image.encoding = 400, 400, 800, '16UC1'
    image.data = np.random.default_rng(0).integers(0, 255, 320_000, dtype=np.uint8)
    for step in range(400):
        big.add('/camera/depth/image_raw', 10.0 + step, image)
    joints = made_up.message('sensor_msgs/msg/JointState')
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


def test_an_excerpt_keeps_what_matters(tmp_path):
    config = ExcerptConfig(rates={'images': 1.0, 'entities': 5.0}, shrink=1, storage='sqlite3')
    excerpt(SAMPLE, tmp_path / 'part', config)
    whole, part = (report_of(tmp_path, bag)['bags'][0] for bag in (SAMPLE, tmp_path / 'part'))
    assert part['commands'][0]['error_mm'] == whole['commands'][0]['error_mm']
    assert part['inputs']['entities']['rate_hz'] < 0.6 * whole['inputs']['entities']['rate_hz']
    assert part['perception']['frames'] < whole['perception']['frames']


@pytest.fixture(scope='module')
def whole_bags(tmp_path_factory):
    """The bytes of a short bag in each storage."""
    folder = tmp_path_factory.mktemp('whole')
    config = ExcerptConfig(rates={'images': 0.2, 'entities': 2.0, 'joint_states': 5.0}, shrink=8)
    excerpt(SAMPLE, folder / 'mcap', config)
    excerpt(SAMPLE, folder / 'db3', replace(config, storage='sqlite3'))
    return {s: next((folder / s).glob(f'*.{s}')).read_bytes() for s in ('mcap', 'db3')}


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damaged_bags_are_refused_or_read_in_part_and_never_crash(
    tmp_path_factory, whole_bags, data
):
    """Bytes of a whole bag changed, cut off and swapped, in either storage."""
    folder = tmp_path_factory.mktemp('damaged')
    storage = data.draw(st.sampled_from(['mcap', 'db3']))
    content = bytearray(whole_bags[storage])
    for _ in range(data.draw(st.integers(0, 12))):
        index = data.draw(st.integers(0, len(content) - 1))
        content[index : index + 8] = data.draw(st.binary(max_size=8))
    path = folder / f'bag.{storage}'
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        with Bag(path) as bag:
            counts = Counter(topic for topic, _, _ in bag.messages(set(bag.topics)))
    except ConceptControlError:
        return
    assert set(counts) <= set(bag.topics)
