"""Values of options that cannot be: refused in one sentence, before anything starts."""

import os
from argparse import ArgumentTypeError

import pytest

from concept_control.cli import option_types as types
from concept_control.cli.main import main


@pytest.mark.parametrize(
    ('kind', 'text', 'value'),
    [
        (types.positive, '0.5', 0.5),
        (types.share, '1', 1.0),
        (types.number(low=0.0), '0', 0.0),
        (types.count, '3', 3),
        (types.seed, '0', 0),
        (types.colors, 'Red, blue', ('red', 'blue')),
        (types.command, 'near(red; blue)', 'near(red; blue)'),
        (types.arm, 'ur5e', 'ur5e'),
    ],
)
def test_values_that_can_be(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ('kind', 'texts', 'complaint'),
    [
        (types.positive, ('-3', '0', 'nan', 'inf', '', 'x'), 'greater than 0'),
        (types.share, ('-0.1', '1.1', 'nan'), 'at least 0 and at most 1'),
        (types.number(), ('nan', '-inf', 'one'), 'finite'),
        (types.count, ('0', '-1', '1.5', '', '1e3'), '1 or more'),
        (types.seed, ('-1', str(2**31), 'x'), 'from 0 to 2147483647'),
        (types.colors, ('', 'red,', 'red,,blue', 'pruple'), 'is no colour'),
        (types.colors, ('redd',), 'did you mean red?'),
        (types.command, ('', 'near(', 'near'), ''),
        (types.arm, ('nonsense', ''), 'shipped arms: franka, franka_gripper, ur5e'),
        (types.existing_file, ('', '/nowhere', '/tmp', '/dev/null'), ''),
        (types.existing_folder, ('', '/nowhere', '/dev/null'), ''),
        (types.new_file(), ('', '/tmp', '/dev/null/x', 'a\0b', '/dev/null/x/y'), ''),
        (types.new_file(), ('/proc/x', '/proc/x/y', '/proc/version'), 'cannot be written'),
        (types.new_file('.mp4'), ('film.avi',), 'must end in .mp4'),
        (types.folder, ('', '/dev/null', '/dev/null/x', '/proc/x'), ''),
        (types.new_folder, ('/tmp',), 'is there already'),
        (types.new_folder, ('/proc/x',), 'cannot be written: /proc'),
    ],
)
def test_values_that_cannot_be_are_refused_in_one_sentence(kind, texts, complaint):
    for text in texts:
        with pytest.raises(ArgumentTypeError) as caught:
            kind(text)
        assert complaint in str(caught.value)
        assert 'concept_control/' not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ArgumentTypeError, match='Permission denied'):
        types.new_file()(str(tmp_path / 'x.json'))


@pytest.mark.parametrize(
    ('arguments', 'code', 'complaint'),
    [
        (['concepts', '--pictures', 'x.gif'], 2, 'must end in .png'),
        (['words', '--arm', 'nope'], 2, "no arm named 'nope'"),
        (['words', 'betwen'], 2, 'did you mean between?'),
        (['benchmark', 'concepts', '--seed', '-1'], 2, 'from 0 to'),
        (['policy', 'train', 'any', '--steps', '0'], 2, '1 or more'),
        (['train', '--minutes', 'nan'], 2, 'greater than 0'),
        (['draw', 'circle', '--around', 'redd'], 2, 'did you mean red?'),
        (['draw', 'circle', '--beside', 'far(tool; bleu)', '--no-ros'], 2, 'did you mean blue?'),
        (['draw', 'circle', '--beside', 'far(tool; closest)', '--no-ros'], 1, 'closest(tool)'),
    ],
)
def test_commands_refuse_before_they_start(arguments, code, complaint, capsys):
    try:
        ended = main(arguments)
    except SystemExit as exit:
        ended = exit.code
    printed = capsys.readouterr()
    assert ended == code and printed.out == ''
    assert complaint in printed.err and len(printed.err.splitlines()) == 1
