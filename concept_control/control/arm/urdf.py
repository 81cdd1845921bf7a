"""The URDF of an arm, for displays and motion planners: its own, or one made from its model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.geom_shapes import geom_color, geom_shapes
from concept_control.control.arm.links import NEGLIGIBLE, TOOL_FRAME, ArmLinks, Connection

SHOWN_GROUPS = 3
"""Number of the groups of geoms that MuJoCo shows by default; the others are for contacts."""

LEAST_MASS = 1e-6
"""Mass and inertia of links between the joints of one body, for simulators ask for some [kg,
kg m²]."""

READABLE = ('.stl', '.obj', '.dae')
"""Endings of meshes that displays read; others are drawn as the box around them."""


def arm_urdf(arm: ArmDescription, links: ArmLinks) -> str:
    """Return the description of an arm as URDF.

    The arm's own where it came from one, with its tool and absolute places of meshes; else one
    that is made from its model and begins at the fixed frame.

    Args:
        arm: Arm.
        links: Its links.
    """
    if arm.file.urdf:
        root = ElementTree.fromstring(arm.file.urdf)
        ends = [each for each in links.connections if each.child == TOOL_FRAME]
        names = [TOOL_FRAME]
    else:
        root = Element('robot', name=arm.name)
        ends = links.connections
        names = [links.frame, *(each.child for each in ends)]
    meshes = dict(_mesh_files(arm, links.model))
    for name in names:
        body = links.bodies.index(name) if name in links.bodies else -1
        root.append(_link(links.model, name, body, meshes))
    for each in ends:
        root.append(_joint(arm, each))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode', xml_declaration=True)


def _link(model: mujoco.MjModel, name: str, body: int, meshes: dict[int, Path]) -> Element:
    """Return a link with the mass and the geoms of a body; -1 for a link without any."""
    link = Element('link', name=name)
    if body < 0:
        _inertial(link, LEAST_MASS, np.full(3, LEAST_MASS))
        return link
    if model.body_mass[body] > 0:
        inertial = _inertial(link, model.body_mass[body], model.body_inertia[body])
        rotation = Rotation.from_quat(model.body_iquat[body], scalar_first=True)
        _origin(inertial, model.body_ipos[body], rotation)
    first = int(model.body_geomadr[body])
    for geom in range(first, first + int(model.body_geomnum[body])):
        if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE:
            continue
        color = geom_color(model, geom)
        if model.geom_group[geom] < SHOWN_GROUPS and color[3] > 0:
            for visual in _shapes(model, geom, meshes, 'visual'):
                link.append(visual)
                material = SubElement(visual, 'material', name=f'{name}_{geom}')
                SubElement(material, 'color', rgba=_text(color))
        if model.geom_contype[geom] or model.geom_conaffinity[geom]:
            link.extend(_shapes(model, geom, meshes, 'collision'))
    return link


def _inertial(link: Element, mass: float, inertia: np.ndarray) -> Element:
    inertial = SubElement(link, 'inertial')
    SubElement(inertial, 'mass', value=_text([mass]))
    values = {f'i{axis}{axis}': _text([value]) for axis, value in zip('xyz', inertia)}
    SubElement(inertial, 'inertia', values, ixy='0', ixz='0', iyz='0')
    return inertial


def _shapes(
    model: mujoco.MjModel, geom: int, meshes: dict[int, Path], tag: str
) -> Iterator[Element]:
    """Yield the visuals, or the collisions, of a geom."""
    number = int(model.geom_dataid[geom])
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH and number in meshes:
        # MuJoCo has moved the mesh to its middle, and turned it.
        turned = Rotation.from_quat(model.geom_quat[geom], scalar_first=True)
        turned *= Rotation.from_quat(model.mesh_quat[number], scalar_first=True).inv()
        element = Element(tag)
        _origin(element, model.geom_pos[geom] - turned.apply(model.mesh_pos[number]), turned)
        SubElement(
            SubElement(element, 'geometry'),
            'mesh',
            filename=meshes[number].as_uri(),
            scale=_text(model.mesh_scale[number]),
        )
        yield element
        return
    for shape in geom_shapes(model, geom):
        element = Element(tag)
        _origin(element, shape.position, shape.rotation)
        match shape.kind:
            case 'box':
                values = {'size': _text(2 * shape.size)}
            case 'sphere':
                values = {'radius': _text(shape.size)}
            case _:
                radius, half = shape.size
                values = {'radius': _text([radius]), 'length': _text([2 * half])}
        SubElement(SubElement(element, 'geometry'), shape.kind, values)
        yield element


def _joint(arm: ArmDescription, each: Connection) -> Element:
    i = each.column
    kind = 'fixed' if i < 0 else 'prismatic' if each.is_slide else 'revolute'
    name = f'{each.parent}_{each.child}' if i < 0 else arm.joints[i]
    joint = Element('joint', name=name, type=kind)
    SubElement(joint, 'parent', link=each.parent)
    SubElement(joint, 'child', link=each.child)
    _origin(joint, each.position, each.rotation)
    if i >= 0:
        lower, upper = arm.position_limits[i]
        SubElement(joint, 'axis', xyz=_text(each.axis))
        SubElement(
            joint,
            'limit',
            lower=_text([lower]),
            upper=_text([upper]),
            effort=_text([arm.effort_limits[i]]),
            velocity=_text([arm.velocity_limits[i]]),
        )
    return joint


def _origin(element: Element, position: np.ndarray, rotation: Rotation) -> None:
    SubElement(element, 'origin', xyz=_text(position), rpy=_text(_roll_pitch_yaw(rotation)))


def _roll_pitch_yaw(rotation: Rotation) -> tuple[float, float, float]:
    """Return angles about fixed axes [rad]; scipy's warn where the pitch is a right angle."""
    m = rotation.as_matrix()
    level = math.hypot(m[0, 0], m[1, 0])
    pitch = math.atan2(-m[2, 0], level)
    if level < NEGLIGIBLE:
        return 0.0, pitch, math.atan2(-m[0, 1], m[1, 1])
    return math.atan2(m[2, 1], m[2, 2]), pitch, math.atan2(m[1, 0], m[0, 0])


def _mesh_files(arm: ArmDescription, model: mujoco.MjModel) -> Iterator[tuple[int, Path]]:
    """Yield numbers and files of the meshes that displays can read."""
    spec = arm.spec()
    for mesh in spec.meshes:
        name = mesh.name or Path(mesh.file).stem
        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_MESH, name)
        file = Path(mesh.file).name if spec.strippath else mesh.file
        path = (Path(spec.modelfiledir) / spec.meshdir / file).resolve()
        if mesh.file and number >= 0 and path.suffix.lower() in READABLE and path.is_file():
            yield number, path


def _text(values: Iterable[float]) -> str:
    return ' '.join(f'{value:.10g}' for value in values)
