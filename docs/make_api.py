"""The reference of the Python interface, from the docstrings: `make api`.

    python -m docs.make_api build/api

Needs pdoc and rclpy. Every module that programs may import has a page; nothing is kept in git.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pdoc

import concept_control

LEFT_OUT = {'benchmarks', 'cli', 'demos', '__main__'}
"""Parts of the package that are commands and no Python interface."""


def make_api(folder: Path) -> None:
    """Write the pages into a folder, `index.html` first."""
    root = [str(Path(concept_control.__file__).parent)]
    names = [module.name for module in walk_packages(root, 'concept_control.')]
    modules = [name for name in names if not set(name.split('.')) & LEFT_OUT]
    # Before pdoc does it, which forbids other programs meanwhile: some libraries ask one.
    for name in modules:
        import_module(name)
    # pdoc reads the module's dictionary, into which public names come when they are first used.
    for name in concept_control.__all__:
        setattr(concept_control, name, getattr(concept_control, name))
    pdoc.render.configure(
        docformat='google',
        show_source=False,
        footer_text=f'concept_control {concept_control.__version__}',
    )
    rooms = [name for name in modules if name.count('.') == 1]
    pdoc.pdoc('concept_control', *rooms, output_directory=folder)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path, help='folder to write')
    make_api(parser.parse_args().folder)
