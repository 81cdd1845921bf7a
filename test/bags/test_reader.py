"""Bags of any storage, packed, split, unfinished or damaged, are read as far as they go."""

import os
import shutil
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('rosbags', reason='rosbags is not installed')

import lz4.frame
import zstandard
from made_up_bags import MadeUp, entity_array, message
from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.writer import IndexType
from mcap.writer import Writer as McapWriter

from concept_control.bags import storage_files
from concept_control.bags.excerpt import ExcerptConfig, excerpt
from concept_control.bags.reader import Bag
from concept_control.errors import BagError, ConceptControlError

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9]])
PLACES = np.array([[-0.7, 0.6], [0.5, 0.4]])
TIMES = 5.0 + 0.1 * np.arange(40)


@pytest.fixture(scope='module')
def recording():
    bag = MadeUp()
    for time in TIMES:
        bag.add('/entities', time, entity_array(time, PLACES, COLORS))
        status = message('concept_control/msg/ConceptStatus', stamp=time, phase='carry')
        bag.add('/concept_status', time, status)
    return bag


def read(path):
    """Return the topic and time of every message, and the notes."""
    with Bag(path) as bag:
        found = [(topic, time) for topic, time, _ in bag.messages(set(bag.topics))]
        return found, bag.notes


def is_whole(found, recording):
    """Tell whether all messages are there, in the order of time."""
    times = [time for _, time in found]
    return Counter(topic for topic, _ in found) == recording.counts() and times == sorted(times)


def test_bags_that_are_none_are_refused_in_words(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'hollow').mkdir()
    (tmp_path / 'hollow' / 'hollow_0.mcap').touch()
    (tmp_path / 'text.mcap').write_text('no bag at all')
    (tmp_path / 'text.db3').write_text('no bag at all')
    for name, complaint in {
        'nowhere': 'there is no bag',
        'empty': 'neither .mcap nor .db3',
        'hollow': 'no whole message',
        'text.mcap': 'no whole message',
        'text.db3': 'cannot be read',
    }.items():
        with pytest.raises(BagError, match=complaint):
            read(tmp_path / name)


def test_an_unfinished_bag_gives_what_is_there_and_says_so(recording, tmp_path):
    bag = recording.write(tmp_path / 'bag')
    (bag / 'metadata.yaml').unlink()
    found, notes = read(bag)
    assert is_whole(found, recording) and 'the recording was not finished' in notes[0]
    (file,) = bag.glob('*.mcap')
    data = file.read_bytes()
    file.write_bytes(data[:-40])
    found, notes = read(bag)
    assert is_whole(found, recording) and any('cut off' in note for note in notes)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(BagError, match='no whole message'):  # all of it was one chunk
        read(bag)


@pytest.mark.parametrize('compress', ['message', 'file'])
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_compressed_bag_is_read_with_metadata_and_without(
    recording, tmp_path, storage, compress
):
    bag = recording.write(tmp_path / 'bag', storage, compress)
    assert len(list(bag.glob('*.zstd'))) == (compress == 'file')
    found, notes = read(bag)
    assert is_whole(found, recording) and notes == []
    (bag / 'metadata.yaml').unlink()
    assert is_whole(read(bag)[0], recording)


def test_what_is_packed_and_damaged_is_refused_or_read_in_part(recording, tmp_path):
    bag = recording.write(tmp_path / 'bag', 'mcap', 'file')
    (file,) = bag.glob('*.zstd')
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BagError, match='cut off'):  # all of it was one block
        read(bag)
    file.write_bytes(b'no zstd at all')
    with pytest.raises(BagError, match='cannot be unpacked'):
        read(bag)


def test_the_journal_of_a_killed_recording_is_read_and_the_bag_left_as_it_is(recording, tmp_path):
    """What `ros2 bag record --storage sqlite3` leaves when it is killed: all is in the journal."""
    whole = recording.write(tmp_path / 'whole', 'sqlite3')
    killed = tmp_path / 'killed'
    killed.mkdir()
    live = sqlite3.connect(tmp_path / 'live.db3')
    live.execute('PRAGMA journal_mode=WAL')
    live.executescript('\n'.join(sqlite3.connect(next(whole.glob('*.db3'))).iterdump()))
    for suffix in ('', '-wal'):
        shutil.copy(tmp_path / f'live.db3{suffix}', killed / f'killed_0.db3{suffix}')
    before = {path: path.read_bytes() for path in killed.iterdir()}
    found, notes = read(killed)
    assert is_whole(found, recording)
    assert any('last messages come from killed_0.db3-wal' in note for note in notes)
    assert {path: path.read_bytes() for path in killed.iterdir()} == before


OPTIONS = {
    'fastwrite': {'use_chunking': False},
    'noMessageIndex': {'index_types': IndexType.CHUNK},
    'noChunkIndex': {'index_types': IndexType.MESSAGE},
    'noRepeatedChannels': {'repeat_channels': False},
    'noRepeatedSchemas': {'repeat_schemas': False},
    'noStatistics': {'use_statistics': False},
}
"""Options of rosbag2's mcap storage, `fastwrite` being one of its presets."""


@pytest.mark.parametrize('option', OPTIONS)
def test_a_recording_without_a_whole_index_is_read_in_the_order_it_was_written(
    recording, tmp_path, option
):
    (source,) = recording.write(tmp_path / 'bag').glob('*.mcap')
    path = tmp_path / 'written.mcap'
    with source.open('rb') as old, path.open('wb') as new:
        writer = McapWriter(new, chunk_size=1000, **OPTIONS[option])
        writer.start(profile='ros2')
        schemas, channels = {}, {}
        for number, (schema, channel, sent) in enumerate(make_reader(old).iter_messages()):
            if channel.id not in channels:
                schemas[channel.id] = writer.register_schema(
                    schema.name, schema.encoding, schema.data
                )
                channels[channel.id] = writer.register_channel(
                    channel.topic, 'cdr', schemas[channel.id], channel.metadata
                )
            late = 130_000_000 * (number % 2)
            writer.add_message(
                channels[channel.id], sent.log_time + late, sent.data, sent.publish_time
            )
        writer.finish()
    found, notes = read(path)
    times = [time for _, time in found]
    assert notes == [] and times != sorted(times)
    assert Counter(topic for topic, _ in found) == recording.counts()


def test_profiles_that_differ_between_file_and_metadata_hide_nothing(recording, tmp_path):
    """As `ros2 bag convert` leaves them; rosbags' own reader then passes over the topic."""
    bag = recording.write(tmp_path / 'bag', 'sqlite3')
    with sqlite3.connect(next(bag.glob('*.db3'))) as database:
        database.execute("UPDATE topics SET offered_qos_profiles='- history: 3\n  depth: 0\n"
                         "  reliability: 1\n  durability: 2\n  deadline: {sec: 0, nsec: 0}\n"
                         "  lifespan: {sec: 0, nsec: 0}\n  liveliness: 1\n"
                         "  liveliness_lease_duration: {sec: 0, nsec: 0}\n"
                         "  avoid_ros_namespace_conventions: false'")  # fmt: skip
    assert is_whole(read(bag)[0], recording)


def test_split_recordings_are_read_in_order_and_a_missing_part_is_told(recording, tmp_path):
    """The second and the tenth part: by name alone the tenth would come first."""
    bag = tmp_path / 'bag'
    bag.mkdir()
    middle = TIMES[len(TIMES) // 2]
    for number, is_in in ((2, lambda t: t < middle), (10, lambda t: t >= middle)):
        part = MadeUp([m for m in recording.messages if is_in(m[2])])
        written = part.write(tmp_path / f'part_{number}')
        shutil.copy(next(written.glob('*.mcap')), bag / f'bag_{number}.mcap')
    assert is_whole(read(bag)[0], recording)
    names = ''.join(f'\n  - bag_{number}.mcap' for number in (2, 10, 11))
    (bag / 'metadata.yaml').write_text(
        f'rosbag2_bagfile_information:\n  relative_file_paths:{names}\n'
    )
    found, notes = read(bag)
    assert is_whole(found, recording) and notes[0].startswith('bag_11.mcap is missing')


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


def test_what_unpacks_to_more_than_it_says_or_there_is_room_for_is_not_unpacked(
    recording, tmp_path, monkeypatch
):
    bag = recording.write(tmp_path / 'bag', 'mcap', 'file')
    monkeypatch.setattr(storage_files, 'MAX_UNPACKED', 1000)
    with pytest.raises(BagError, match='room for'):
        read(bag)
    zeros = bytes(10**7)
    for compression, pack in (('zstd', zstandard.compress), ('lz4', lz4.frame.compress)):
        for data, size, is_right in (
            (pack(zeros), 10**7, True),
            (pack(zeros), 100, False),
            (pack(b'a') + pack(zeros), 1, False),
            (pack(zeros), 10**9, False),
        ):
            chunk = Chunk(compression, data, 0, 0, 0, size)
            assert storage_files.is_honest(chunk, 10**8) == is_right, (compression, size)


def test_a_pipe_is_no_bag_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'pipe.mcap')
    with pytest.raises(BagError, match='regular file'):
        read(tmp_path / 'pipe.mcap')
    with pytest.raises(BagError, match='regular file'):
        read(tmp_path)
