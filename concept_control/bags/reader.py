"""A recorded bag (mcap or sqlite3, rosbag2's or rosbags'), read as a stream and without ROS.

Whatever can be read is read: a bag whose recording was cut off (no metadata.yaml, no index, half
a file) gives the messages that are whole, and `Bag.notes` says what is missing. Only what holds
no message at all is refused. Files are read one by one: rosbags' reader of whole folders passes
over topics whose profiles in metadata.yaml are not those in the file, as `ros2 bag convert` leaves
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from rosbags.interfaces import ConnectionExtRosbag2, Qos
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from concept_control.bags.storage_files import (
    STORAGES,
    find_files,
    is_honest,
    plain_file,
    storage_of,
    unpacked_message,
)
from concept_control.errors import BagError
from concept_control.paths import share_folder

RECORD_LIMIT = 256 * 2**20
"""Size of the largest record that is read [bytes]: a damaged length must not ask for more."""


@dataclass(frozen=True)
class Topic:
    """A topic of a bag.

    Attributes:
        name: Full name, with its namespace.
        type: Type of its messages, e.g. `concept_control/msg/EntityArray`.
        num_messages: Number of messages in the bag, as far as known.
    """

    name: str
    type: str
    num_messages: int


RawMessage = tuple[str, str, int, bytes]
"""Topic, type, time of recording [ns], CDR bytes."""


@dataclass
class _Source:
    """One way to read one storage.

    Attributes:
        topics: Number of messages by topic and type.
        definitions: Text of each message type that the storage carries itself.
        qos: Profiles offered by topic, where the storage says.
        read: Iterator over the messages of some topics, perhaps of others, too; may raise
            anything where the storage is damaged.
    """

    topics: Counter[tuple[str, str]]
    definitions: dict[str, str]
    read: Callable[[set[str]], Iterator[RawMessage]]
    qos: dict[str, Sequence[Qos]] = field(default_factory=dict)


class Bag:
    """A bag opened for reading; use it in a `with` block.

    Attributes:
        path: Folder or file, as given.
        storage: Storage of its first file, 'mcap' or 'sqlite3'.
        topics: Recorded topics by name.
        notes: Sentences on what is missing or damaged; more may come while messages are read.
        typestore: Message types of the bag.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a bag: rosbag2's folder, or one .mcap or .db3 file, compressed or not.

        Raises:
            BagError: if there is nothing to read.
        """
        self.path = Path(path)
        self.notes: list[str] = []
        self.storage = ''
        self._files = ExitStack()
        self._scratch = Path(
            self._files.enter_context(TemporaryDirectory(prefix='concept_control_bag_'))
        )
        try:
            self._sources = self._open()
        except BaseException:
            self._files.close()
            raise
        counts: Counter[tuple[str, str]] = Counter()
        for source in self._sources:
            counts.update(source.topics)
        self.topics = {
            name: Topic(name, type_, number) for (name, type_), number in sorted(counts.items())
        }
        self.num_messages = sum(counts.values())
        self.typestore = get_typestore(Stores.ROS2_KILTED)
        self._unreadable: set[str] = set()
        self._register()

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def has_fields(self, type_: str, names: tuple[str, ...]) -> bool:
        """Tell whether messages of a type, as this bag defines it, have all these fields."""
        definition = self.typestore.fielddefs.get(type_)
        return definition is not None and set(names) <= {name for name, _ in definition[1]}

    def qos(self, topic: str) -> Sequence[Qos]:
        """Return the profiles a topic was offered with, as far as recorded."""
        return next((s.qos[topic] for s in self._sources if topic in s.qos), ())

    def messages(self, topics: set[str]) -> Iterator[tuple[str, float, Any]]:
        """Yield topic, time of recording [s] and message of some topics, in the bag's order.

        A message that cannot be decoded is left out and counted in `notes`.
        """
        damaged: Counter[str] = Counter()
        for source in self._sources:
            try:
                for topic, type_, stamp, data in source.read(topics):
                    if topic not in topics or type_ in self._unreadable:
                        continue
                    try:
                        cdr = unpacked_message(data, RECORD_LIMIT)
                        message = self.typestore.deserialize_cdr(cdr, type_)
                    except Exception:  # decoders raise anything on damaged bytes
                        damaged[topic] += 1
                        continue
                    yield topic, 1e-9 * stamp, message
            except Exception as error:
                self.notes.append(f'the bag could not be read to its end: {_words(error)}')
        self.notes += [
            f'{number} messages of {topic} cannot be decoded and were left out'
            for topic, number in sorted(damaged.items())
        ]

    def _open(self) -> list[_Source]:
        if not self.path.exists():
            raise BagError(f'there is no bag {self.path}')
        if not self.path.is_dir():
            return [self._open_file(self.path)]
        sources, broken = [], []
        for file in find_files(self.path, self.notes):
            try:
                sources.append(self._open_file(file))
            except BagError as error:
                broken.append(str(error))
        if not sources:
            raise BagError(f'{self.path} cannot be read: ' + '; '.join(self.notes + broken))
        self.notes += broken
        return sources

    def _open_file(self, path: Path) -> _Source:
        storage = storage_of(path)
        if storage is None:
            raise BagError(
                f'{path} is no bag; expected a folder with metadata.yaml, or a file that ends in '
                f'{" or ".join(STORAGES)}'
            )
        self.storage = self.storage or storage
        file = plain_file(path, self._scratch, self.notes)
        try:
            if storage == 'mcap' and not _is_indexed(file):
                return _streamed(file)
            return self._finished(file)
        except Exception as error:
            if storage != 'mcap':
                raise BagError(f'{path} cannot be read: {_words(error)}') from error
            source = _streamed(file)
            self.notes.append(
                f'{path.name} has no whole index, the recording was cut off: '
                f'{sum(source.topics.values())} messages were found'
            )
            return source

    def _finished(self, path: Path) -> _Source:
        reader = Reader(path)
        reader.open()
        self._files.callback(reader.close)

        def read(topics: set[str]) -> Iterator[RawMessage]:
            wanted = [c for c in reader.connections if c.topic in topics]
            # Without connections it would read all.
            for connection, stamp, data in reader.messages(wanted) if wanted else ():
                yield connection.topic, connection.msgtype, stamp, data

        return _Source(
            topics=Counter({(c.topic, c.msgtype): c.msgcount for c in reader.connections}),
            definitions={
                c.msgtype: c.msgdef.data
                for c in reader.connections
                if c.msgdef.format.name == 'MSG'
            },
            read=read,
            qos={
                c.topic: c.ext.offered_qos_profiles
                for c in reader.connections
                if isinstance(c.ext, ConnectionExtRosbag2)
            },
        )

    def _register(self) -> None:
        """Make the bag's own message types known; those it does not carry come from `msg/`."""
        definitions = {k: text for s in self._sources for k, text in s.definitions.items()}
        ours = {f'concept_control/msg/{p.stem}': p for p in (share_folder() / 'msg').glob('*.msg')}
        for type_ in {topic.type for topic in self.topics.values()} & set(ours):
            if type_ not in definitions:
                for name, path in ours.items():
                    definitions.setdefault(name, path.read_text())
        for type_, text in sorted(definitions.items()):
            try:
                found = get_types_from_msg(text, type_)
                known = self.typestore.fielddefs
                self.typestore.register({k: v for k, v in found.items() if k not in known})
            except Exception as error:
                self._unreadable.add(type_)
                self.notes.append(f'the definition of {type_} cannot be used: {_words(error)}')


def _is_indexed(path: Path) -> bool:
    """Tell whether all messages of an mcap file can be found, and sorted, by what its end says.

    Recordings for speed (`--storage-preset-profile fastwrite`) have no chunks, and rosbag2's
    options leave out what is needed to find messages in them: `noMessageIndex`, `noStatistics`,
    `noRepeatedChannels`, `noRepeatedSchemas`, `noSummary`. Chunks that unpack to another size
    than they say are not used.
    """
    with path.open('rb') as file:
        summary = SeekingReader(file, record_size_limit=RECORD_LIMIT).get_summary()
        if summary is None or not summary.chunk_indexes or summary.statistics is None:
            return False
        count = summary.statistics
        if (
            len(summary.channels) < count.channel_count
            or len(summary.schemas) < count.schema_count
            or sum(count.channel_message_counts.values()) < count.message_count
            or not all(index.message_index_offsets for index in summary.chunk_indexes)
        ):
            return False
        if all(not index.compression for index in summary.chunk_indexes):
            return True
        # Its reader would unpack whatever comes.
        file.seek(0)
        records = StreamReader(file, emit_chunks=True, record_size_limit=RECORD_LIMIT).records
        return all(is_honest(r, RECORD_LIMIT) for r in records if isinstance(r, Chunk))


def _streamed(path: Path) -> _Source:
    """Read an mcap file from its start, as far as it goes, in the order it was written."""
    definitions: dict[str, str] = {}
    counts: Counter[tuple[str, str]] = Counter()

    def records() -> Iterator[Any]:
        with path.open('rb') as file:
            reader = StreamReader(file, emit_chunks=True, record_size_limit=RECORD_LIMIT)
            try:
                for record in reader.records:
                    if not isinstance(record, Chunk):
                        yield record
                    elif is_honest(record, RECORD_LIMIT):
                        yield from breakup_chunk(record, validate_crc=True)
            except Exception:
                return

    def read(_: set[str]) -> Iterator[RawMessage]:
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        for record in records():
            if isinstance(record, Schema):
                schemas[record.id] = record
                if record.encoding == 'ros2msg':
                    definitions[record.name] = record.data.decode(errors='replace')
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, Message) and record.channel_id in channels:
                channel = channels[record.channel_id]
                if channel.schema_id in schemas:
                    name = schemas[channel.schema_id].name
                    yield channel.topic, name, record.log_time, record.data

    for topic, type_, _, _ in read(set()):
        counts[topic, type_] += 1
    if not counts:
        raise BagError(
            f'{path} holds no whole message: it is empty, cut off before its first messages were '
            'written, or no mcap file of ROS 2'
        )
    return _Source(counts, definitions, read)


def _words(error: Exception) -> str:
    """Return an error in one line."""
    return ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
