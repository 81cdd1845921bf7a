import sys

import pytest

from concept_control.cli.command_parser import add_commands
from concept_control.cli.main import main


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / 'two_commands'
    folder.mkdir()
    (folder / '__init__.py').touch()
    (folder / 'add_up.py').write_text(
        'def add_arguments(parser):\n'
        "    parser.add_argument('numbers', nargs='+', type=int)\n"
        'def main(args):\n'
        '    return sum(args.numbers)\n'
    )
    (folder / 'broken.py').write_text("raise AssertionError('must not be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for name in [n for n in sys.modules if n.startswith(folder.name)]:
        del sys.modules[name]


def test_only_the_module_of_the_given_command_is_imported(package):
    import argparse

    parser = argparse.ArgumentParser()
    add_commands(parser, package, {'add-up': 'add numbers', 'broken': 'fail'})
    args = parser.parse_args(['add-up', '1', '2'])
    assert args.run(args) == 3
    assert f'{package}.broken' not in sys.modules
    assert 'fail' in parser.format_help()


def test_a_command_that_is_unknown_or_missing_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['benchmark', 'nonsense'])
    assert ended.value.code == 2
    assert main([]) == 2
    assert 'demo' in capsys.readouterr().out
