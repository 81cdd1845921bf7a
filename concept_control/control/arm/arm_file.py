"""Files that describe an arm: MJCF, URDF, xacro, and models of MuJoCo Menagerie."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import mujoco

from concept_control.errors import ArmError, MissingDependencyError
from concept_control.input_files import one_line, open_regular, read_text

MENAGERIE = 'menagerie:'
"""Prefix of the names of arms in MuJoCo Menagerie, as in `menagerie:ur5e`."""

SUFFIXES = ('.xml', '.urdf', '.xacro')
"""Endings of files that describe an arm without a YAML."""

_MESHES = ('.stl', '.obj', '.msh')
"""Endings of meshes that MuJoCo reads."""

_INSTALL = 'pip install "concept_control[arms]"'


@dataclass(frozen=True)
class ArmFile:
    """What an arm's file says; a specification is read from it as often as one is changed.

    Attributes:
        path: File, for people.
        text: URDF with its meshes found; empty where the file is an MJCF.
        urdf: The same for others than MuJoCo: as it was but for absolute paths of meshes.
        velocities: Speed limits by the names of joints [rad/s, m/s]; an MJCF has none.
    """

    path: Path
    text: str = ''
    urdf: str = ''
    velocities: Mapping[str, float] = field(default_factory=dict)

    def spec(self) -> mujoco.MjSpec:
        """Read the specification.

        Raises:
            ArmError: Where MuJoCo refuses it; the text says why.
        """
        try:
            if self.text:
                return mujoco.MjSpec.from_string(self.text)
            return mujoco.MjSpec.from_file(str(self.path))
        except ValueError as error:
            raise ArmError(f'{self.path}: MuJoCo refuses it: {one_line(error)}') from error


def is_arm_file(source: str) -> bool:
    """Tell whether a text names an MJCF, a URDF, a xacro or a model of MuJoCo Menagerie."""
    return source.startswith(MENAGERIE) or Path(source).suffix.lower() in SUFFIXES


@lru_cache(maxsize=16)
def read_arm_file(source: str, folder: Path = Path()) -> ArmFile:
    """Read an arm's file.

    Args:
        source: Path of an MJCF (.xml), URDF or xacro, or `menagerie:NAME`.
        folder: Folder that a relative path starts from.

    Raises:
        ArmError: If it cannot be read; the text names the file and the way out.
        MissingDependencyError: If it needs a package that is not installed.
    """
    if source.startswith(MENAGERIE):
        return ArmFile(_menagerie_path(source.removeprefix(MENAGERIE)))
    path = folder / source
    open_regular(path, ArmError).close()
    if path.suffix.lower() == '.xacro':
        return _urdf(path, _expanded(path))
    if path.suffix.lower() == '.urdf':
        return _urdf(path, read_text(path, ArmError))
    return ArmFile(path)


def _menagerie_path(name: str) -> Path:
    """Return the MJCF of an arm of MuJoCo Menagerie, which is downloaded the first time."""
    try:
        import mujoco_menagerie as menagerie  # noqa: PLC0415  (optional)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f'{MENAGERIE}{name} needs mujoco-menagerie: {_INSTALL}'
        ) from error
    names, wanted = menagerie.names(), _plain(name)
    found = [each for each in names if _plain(each) == wanted]
    found = found or [each for each in names if _plain(each).endswith(wanted)]
    if len(found) != 1:
        several = found or [each for each in names if wanted in _plain(each)] or names
        raise ArmError(
            f'MuJoCo Menagerie has {len(found) or "no"} models named {name!r:.60}; choose among '
            f'{", ".join(several)}'
        )
    robot = menagerie.get(found[0])
    try:
        return Path(robot.xml(robot.default_model))
    except (menagerie.MenagerieError, OSError) as error:
        raise ArmError(
            f'{MENAGERIE}{robot.name} is not on this machine and cannot be had: '
            f'{one_line(error)}; run `python -m mujoco_menagerie prefetch {robot.name}` where '
            'there is a network, or set MENAGERIE_ROOT to a checkout of MuJoCo Menagerie'
        ) from error


def _plain(name: str) -> str:
    return name.lower().replace('_', '').replace('-', '')


def _expanded(path: Path) -> str:
    """Return the URDF that a xacro makes."""
    try:
        from xacrodoc import XacroDoc  # noqa: PLC0415  (optional)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f'{path} needs xacrodoc: {_INSTALL}; or expand it yourself: '
            f'`xacro {path.name} > {path.stem}`'
        ) from error
    try:
        return str(XacroDoc.from_file(str(path)).to_urdf_string())
    except Exception as error:  # xacro evaluates what the file says, and raises whatever that does
        raise ArmError(f'{path}: xacro refuses it: {one_line(error)}') from error


def _urdf(path: Path, text: str) -> ArmFile:
    """Prepare a URDF for MuJoCo: meshes by absolute paths, links kept, no pictures."""
    # Simulators add tags such as <sensor:camera>, and files often do not say what the prefix is.
    for prefix in set(re.findall(r'[<\s/](\w+):[A-Za-z]', text)) - {'xml', 'xmlns'}:
        if f'xmlns:{prefix}=' not in text:
            text = re.sub(r'<robot\b', f'<robot xmlns:{prefix}="urn:{prefix}"', text, count=1)
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ArmError(f'{path} is no XML: {one_line(error)}') from error
    if root.tag != 'robot':
        raise ArmError(f'{path} is no URDF: its root is <{root.tag}>, expected <robot>')
    shown = deepcopy(root)
    for each in shown.iter('mesh'):
        if place := _find_mesh(each.get('filename', ''), path):
            each.set('filename', place.resolve().as_uri())
    velocities: dict[str, float] = {}
    left_out = []
    for joint in root.iter('joint'):
        limit = joint.find('limit')
        speed = _number(None if limit is None else limit.get('velocity'))
        if speed > 0 and math.isfinite(speed):
            velocities[joint.get('name', '')] = speed
    for link in root.iter('link'):
        for shape in (*link.findall('visual'), *link.findall('collision')):
            mesh = shape.find('geometry/mesh')
            if shape.tag == 'visual':
                link.remove(shape)
            elif mesh is not None:
                found = _mesh_path(mesh.get('filename', ''), path)
                if found is None:
                    left_out.append(mesh.get('filename', ''))
                    link.remove(shape)
                else:
                    mesh.set('filename', str(found))
    if left_out:
        warnings.warn(
            f'{path}: {len(left_out)} meshes of collision are left out, as {left_out[0]}: MuJoCo '
            'reads STL, OBJ and MSH',
            stacklevel=2,
        )
    options = root.find('mujoco/compiler')
    if options is None:
        options = ElementTree.SubElement(ElementTree.SubElement(root, 'mujoco'), 'compiler')
    options.attrib.update(
        strippath='false', fusestatic='false', discardvisual='true', balanceinertia='true'
    )
    text, urdf = (ElementTree.tostring(each, encoding='unicode') for each in (root, shown))
    return ArmFile(path, text, urdf, velocities)


def _number(text: str | None) -> float:
    try:
        return float(text or 'nan')
    except ValueError:
        return math.nan


def _find_mesh(name: str, urdf: Path) -> Path | None:
    """Return the file of a mesh; None where there is no such file."""
    places = [urdf.parent.resolve(), *urdf.resolve().parents]
    if match := re.fullmatch(r'package://([^/]+)/(.*)', name):
        package, relative = match.groups()
        roots = [Path(p) for p in os.environ.get('ROS_PACKAGE_PATH', '').split(':') if p]
        prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(':') if p]
        roots += [Path(prefix) / 'share' for prefix in prefixes]
        options = [root / package / relative for root in (*places, *roots)]
        options += [place / relative for place in places if place.name == package]
    else:
        options = [urdf.parent / name.removeprefix('file://')]
    return next((option for option in options if option.is_file()), None)


def _mesh_path(name: str, urdf: Path) -> Path | None:
    """Find a mesh, or one of the same name that MuJoCo reads; None where there is only another."""
    mesh = _find_mesh(name, urdf)
    if mesh is None:
        raise ArmError(
            f'{urdf}: the mesh {name} is nowhere; packages are looked for beside and above the '
            'file, and in ROS_PACKAGE_PATH and AMENT_PREFIX_PATH: source your workspace'
        )
    twins = [mesh, *(mesh.with_suffix(suffix) for suffix in _MESHES)]
    return next((t for t in twins if t.suffix.lower() in _MESHES and t.is_file()), None)
