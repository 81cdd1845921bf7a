"""The simulated scene: a table, an arm, coloured blocks, a tool that can hold one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np

from concept_control.control.arm.description import OWN, ArmDescription
from concept_control.errors import ConceptControlError
from concept_control.simulation.finger_drive import add_slides
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import RIM
from concept_control.world.workspace import Workspace

TABLE_COLOR, FLOOR_COLOR = (0.32, 0.32, 0.33), (0.62, 0.66, 0.7)
"""RGB in [0, 1]."""

FLOOR_HEIGHT = -0.75
"""Height of the floor, world z [m]."""

TOP_CAMERA, OBLIQUE_CAMERA = (-0.05, 0.0, 1.2), (0.82, -0.85, 0.85)
"""Places of the cameras relative to the workspace's centre on the table [m]."""

OBLIQUE_TARGET = (-0.08, 0.0, 0.15)
"""Place that the oblique camera looks at, likewise [m]."""

TABLE_OFFSET = -0.08
"""Place of the table's middle along x, relative to the workspace's centre [m]."""

BLOCK_MASS = 0.08
"""Mass of a block [kg]."""

USUAL_HALF_EXTENT = 0.24
"""Half of a workspace's side [m] for which the lengths below and those of a `SceneConfig` are; in
a smaller one blocks and gaps shrink with it, as the particle world knows no larger things."""

BLOCK_SIDE, LEAST_BLOCK_SIDE = 0.04, 0.025
"""Side of blocks of which none is given, and the smallest that perception sees well [m]."""

BOX_SIDE, BOX_HEIGHT = 0.14, 0.04
"""Outer sides of an open box of which none is given [m]."""

MARGIN = 0.03
"""Distance of the blocks' centres in a random layout to the workspace's border [m]."""

MAX_ATTEMPTS = 2000
"""Number of random layouts that are tried."""


class SceneError(ConceptControlError, ValueError):
    """A scene that cannot be built."""


@dataclass(frozen=True)
class SceneConfig:
    """Configuration of a scene. World frame: that of the arm, x forward, z up, table top at z = 0.

    Attributes:
        num_blocks: Number of blocks.
        colors: Name among `NAMED_COLORS` or RGB triple, one a block; None for those in order.
        positions: (num_blocks, 2) world positions [m], or (num_blocks, 3) with the heights of the
            lower faces; None: drawn with `seed`.
        seed: Seed of the random layout, positions and yaws.
        sizes: Side of the cubes [m], one for all or one each; None: 4 cm, less in a workspace
            smaller than usual.
        random_yaw: Whether blocks are turned at random or aligned with the world's axes.
        min_gap: Smallest free space between the circles around two blocks of a random layout, in
            a workspace of usual size [m].
        arm: Name of a shipped arm or path of an arm's YAML file.
        timestep: Time step of the physics [s].
        open_boxes: Ids (1 … num_blocks) of what is no block but an open box, with the side in
            `sizes`.
        stacks: Ids (1 … num_blocks) of blocks that stand on one another, from below; the lowest
            stands where it was drawn or placed, the others above or, in a box, inside.
        cylinders: Ids (1 … num_blocks) of blocks that are upright cylinders, as wide as high.
    """

    num_blocks: int = 3
    colors: Sequence[str | Sequence[float]] | None = None
    positions: np.ndarray | None = None
    seed: int = 0
    sizes: float | Sequence[float] | None = None
    random_yaw: bool = True
    min_gap: float = 0.03
    arm: str | Path = 'franka'
    timestep: float = 0.002
    stacks: Sequence[Sequence[int]] = ()
    open_boxes: Sequence[int] = ()
    cylinders: Sequence[int] = ()

    def block_colors(self) -> np.ndarray:
        """Return (num_blocks, 3) RGB in [0, 1].

        Raises:
            SceneError: For an unknown name or too few colours.
        """
        colors = (
            list(NAMED_COLORS)[: self.num_blocks] if self.colors is None else list(self.colors)
        )
        if len(colors) != self.num_blocks:
            raise SceneError(
                f'{len(colors)} colours for {self.num_blocks} blocks; give one each'
                + (f' (only {len(NAMED_COLORS)} are named)' if self.colors is None else '')
            )
        return np.array([_rgb(color) for color in colors]).reshape(-1, 3)

    def block_sizes(self, workspace: Workspace) -> np.ndarray:
        """Return (num_blocks,) sides in a workspace [m].

        Raises:
            SceneError: For sides that are not positive, or neither one nor one a block, and for
                open boxes that do not exist or have no room in them.
        """
        is_open = self.chosen('open_boxes')
        block = max(BLOCK_SIDE * _shrinkage(workspace), LEAST_BLOCK_SIDE)
        usual = np.where(is_open, BOX_SIDE * _shrinkage(workspace), block)
        sizes = np.asarray(usual if self.sizes is None else self.sizes, dtype=float)
        if sizes.ndim and sizes.shape != (self.num_blocks,):
            raise SceneError(f'sizes has shape {sizes.shape} for {self.num_blocks} blocks')
        if not (np.isfinite(sizes) & (sizes > 0)).all():
            raise SceneError(f'sizes must be positive, got {sizes.tolist()}')
        sizes = np.broadcast_to(sizes, (self.num_blocks,)).copy()
        if (sizes[is_open] <= 4 * RIM).any():
            raise SceneError(f'an open box needs a side of more than {4 * RIM} m, got {sizes}')
        return sizes

    def chosen(self, name: str) -> np.ndarray:
        """Return (num_blocks,) bool: which are `open_boxes`, or which are `cylinders`.

        Raises:
            SceneError: For ids that do not exist, or that are both.
        """
        ids, chosen = np.arange(1, self.num_blocks + 1), list(getattr(self, name))
        if not {*chosen} <= {*ids.tolist()}:
            raise SceneError(f'{name} {chosen}: expected ids among {ids}')
        if both := {*self.open_boxes} & {*self.cylinders}:
            raise SceneError(f'{sorted(both)} cannot be both open boxes and cylinders')
        return np.isin(ids, np.array(chosen, dtype=int))

    def stacked(self, xy: np.ndarray, heights: np.ndarray) -> np.ndarray:
        """Return (num_blocks, 3) centres [m] of things (num_blocks,) high, in their stacks.

        Raises:
            SceneError: For ids that do not exist or stand in two places.
        """
        ids = [i for stack in self.stacks for i in stack]
        if len(set(ids)) < len(ids) or not set(ids) <= set(range(1, self.num_blocks + 1)):
            raise SceneError(
                f'stacks {list(map(list, self.stacks))}: expected each of the blocks 1 … '
                f'{self.num_blocks} at most once'
            )
        positions = np.column_stack([xy, heights / 2])
        levels = np.where(self.chosen('open_boxes'), RIM, heights)
        for stack in self.stacks:
            rows = np.array(stack, dtype=int) - 1
            positions[rows, :2] = xy[rows[:1]]
            below = np.cumsum(levels[rows]) - levels[rows]
            positions[rows, 2] = below + heights[rows] / 2
        return positions


@dataclass(frozen=True)
class Scene:
    """A compiled scene and the names in it.

    Attributes:
        model: MuJoCo model; blocks are bodies `concept/block_1` … with free joints of that name,
            suction is the weld equality `suction_concept/block_1` … (inactive), fingers are the
            slides `concept/finger_0` and `_1`, cameras are `top` and `oblique`, each joint of the
            arm has a torque motor of its name.
        arm: Description of the arm in it.
        config: Configuration that it was built from.
        colors: (N, 3) RGB of the blocks.
        sizes: (N,) sides of the blocks [m].
        heights: (N,) vertical sides of them [m].
        rims: (N,) thickness of the walls and of the floor of open boxes [m], 0 for blocks.
        initial_positions: (N, 3) block centres [m], world frame.
        initial_yaws: (N,) angles of the blocks about the vertical [rad].
        spec: Specification that the model was compiled from.
    """

    model: mujoco.MjModel
    arm: ArmDescription
    config: SceneConfig
    colors: np.ndarray
    sizes: np.ndarray
    heights: np.ndarray
    rims: np.ndarray
    initial_positions: np.ndarray
    initial_yaws: np.ndarray
    spec: mujoco.MjSpec
    block_names: list[str] = field(default_factory=list)

    def new_data(self) -> mujoco.MjData:
        """Return a state with the arm at home, everything at rest and derived fields filled in."""
        data = mujoco.MjData(self.model)
        for joint, q in zip(self.arm.joints, self.arm.home):
            data.joint(joint).qpos[0] = q
        mujoco.mj_forward(self.model, data)
        return data

    def xml(self) -> str:
        """Return the scene as one MJCF document, for programs that load it by themselves."""
        return str(self.spec.to_xml())


def build_scene(config: SceneConfig | None = None) -> Scene:
    """Compile the scene a config describes.

    Raises:
        SceneError: If the config contradicts itself or no layout with its gaps was found.
        ArmError: If the arm cannot be loaded.
    """
    config = config or SceneConfig()
    arm = ArmDescription.load(config.arm)
    workspace, colors = arm.workspace, config.block_colors()
    sizes, is_open = config.block_sizes(workspace), config.chosen('open_boxes')
    heights, rims = np.where(is_open, BOX_HEIGHT, sizes), np.where(is_open, RIM, 0.0)
    rng = np.random.default_rng(config.seed)
    if config.positions is None:
        xy = random_layout(rng, workspace, sizes, config.min_gap)
    else:
        xy = np.asarray(config.positions, dtype=float)
        if xy.shape not in ((config.num_blocks, 2), (config.num_blocks, 3)):
            raise SceneError(
                f'positions have shape {xy.shape}; expected ({config.num_blocks}, 2), or '
                f'({config.num_blocks}, 3) with heights'
            )
        if not np.isfinite(xy).all():
            raise SceneError(f'positions must be finite metres, got {xy.tolist()}')
    yaws = rng.uniform(-np.pi / 4, np.pi / 4, config.num_blocks)
    if not config.random_yaw:
        yaws = np.zeros(config.num_blocks)
    positions = config.stacked(xy[:, :2], heights)
    if xy.shape[1] > 2:
        positions[:, 2] += xy[:, 2]

    # The arm's own specification is the base, for attaching it to another one would rename its
    # joints. What stands beside it has defaults and names of its own.
    spec = arm.spec()
    spec.modelname = f'{arm.name}_table'
    spec.option.timestep = config.timestep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    _add_lights(spec, workspace)
    add_cameras(spec, workspace)
    beside = mujoco.MjSpec()
    _add_table(beside, workspace)
    names = [f'block_{i + 1}' for i in range(config.num_blocks)]
    is_round = config.chosen('cylinders')
    for i, name in enumerate(names):
        sides = np.array([sizes[i], sizes[i], heights[i]])
        parts = box_parts(sides, rims[i])
        _add_block(beside, name, positions[i], yaws[i], parts, colors[i], is_round[i])
    spec.attach(beside, prefix=OWN, frame=spec.worldbody.add_frame())
    names = [f'{OWN}{name}' for name in names]
    if arm.fingers is not None:
        add_slides(spec, arm.fingers)
    if arm.suction:
        tool_body = spec.site(arm.tool_site).parent.name
        for i, name in enumerate(names):
            if not is_open[i]:
                _add_suction(spec, tool_body, name)
    model = spec.compile()
    return Scene(model, arm, config, colors, sizes, heights, rims, positions, yaws, spec, names)


def random_layout(
    rng: np.random.Generator,
    workspace: Workspace,
    sizes: np.ndarray,
    min_gap: float,
) -> np.ndarray:
    """Draw block centres uniformly in the workspace, with free space around each.

    Args:
        rng: Random generator.
        workspace: Square to draw in.
        sizes: (N,) sides of the blocks [m].
        min_gap: Smallest distance between the circles around two blocks, in a workspace of usual
            size [m].

    Returns:
        (N, 2) world positions [m].

    Raises:
        SceneError: If the blocks do not fit.
    """
    shrinkage = _shrinkage(workspace)
    span, min_gap = 1.0 - MARGIN * shrinkage / workspace.half_extent, min_gap * shrinkage
    radii = np.asarray(sizes) / np.sqrt(2)
    for _ in range(MAX_ATTEMPTS):
        xy = workspace.to_world(rng.uniform(-span, span, (len(sizes), 2)))
        gaps = np.linalg.norm(xy[:, None] - xy[None], axis=-1) - radii[:, None] - radii[None]
        if (gaps + np.where(np.eye(len(sizes), dtype=bool), np.inf, 0.0) >= min_gap).all():
            return xy
    raise SceneError(
        f'no layout of {len(sizes)} blocks with gaps of {min_gap:.3g} m found in '
        f'{MAX_ATTEMPTS} draws; use fewer or smaller blocks or a smaller min_gap'
    )


def _shrinkage(workspace: Workspace) -> float:
    return min(workspace.half_extent / USUAL_HALF_EXTENT, 1.0)


def _rgb(color: str | Sequence[float]) -> tuple[float, float, float]:
    if isinstance(color, str):
        if color not in NAMED_COLORS:
            raise SceneError(f'unknown colour {color!r}; named colours: {", ".join(NAMED_COLORS)}')
        return NAMED_COLORS[color]
    rgb = np.asarray(color, dtype=float)
    if rgb.shape != (3,) or not ((rgb >= 0) & (rgb <= 1)).all():
        raise SceneError(f'colour {color!r} is neither a name nor RGB in [0, 1]')
    return (float(rgb[0]), float(rgb[1]), float(rgb[2]))


def camera_pose(workspace: Workspace, name: str) -> np.ndarray:
    """Return the (4, 4) pose of the optical frame (x right, y down, z ahead) of a camera.

    Args:
        workspace: Workspace that the camera sees.
        name: `top`, in whose images right is the world's -y and up its +x, or `oblique`.
    """
    middle = np.array([*workspace.center, 0.0])
    if name == 'top':
        position, target = middle + TOP_CAMERA, middle + TOP_CAMERA - [0.0, 0.0, 1.0]
        up = np.array([1.0, 0.0, 0.0])
    else:
        position, target = middle + OBLIQUE_CAMERA, middle + OBLIQUE_TARGET
        up = np.array([0.0, 0.0, 1.0])
    ahead = (target - position) / np.linalg.norm(target - position)
    right = np.cross(ahead, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.column_stack([right, np.cross(ahead, right), ahead, position])
    return pose


def _add_lights(spec: mujoco.MjSpec, workspace: Workspace) -> None:
    spec.visual.headlight.ambient = spec.visual.headlight.diffuse = [0.35, 0.35, 0.35]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    x, y = workspace.center
    for dx, dy in ((0.6, 0.7), (-0.5, -0.6)):
        spec.worldbody.add_light(
            pos=[x + dx, y + dy, 1.8],
            dir=[-dx, -dy, -1.8],
            diffuse=[0.35, 0.35, 0.35],
            specular=[0.05, 0.05, 0.05],
            castshadow=False,  # an order of magnitude slower without a GPU
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        )


def add_cameras(spec: mujoco.MjSpec, workspace: Workspace) -> None:
    """Add the cameras, `top` and `oblique`, and what pictures need."""
    # Off-screen buffers are sized for the largest image a simulated camera may ask for.
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1280, 960
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 20.0
    spec.stat.extent, spec.stat.center = 1.0, [*workspace.center, 0.2]
    for name, fovy in (('top', 40.0), ('oblique', 42.0)):
        pose, quat = camera_pose(workspace, name), np.zeros(4)
        # MuJoCo's cameras look along -z with y up.
        mujoco.mju_mat2Quat(quat, (pose[:3, :3] * (1.0, -1.0, -1.0)).ravel())
        spec.worldbody.add_camera(name=name, pos=pose[:3, 3], fovy=fovy, quat=quat)


def _add_table(spec: mujoco.MjSpec, workspace: Workspace) -> None:
    x, y = workspace.center
    world = spec.worldbody
    world.add_geom(
        name='floor',
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[12.0, 12.0, 0.1],
        pos=[x, y, FLOOR_HEIGHT],
        rgba=[*FLOOR_COLOR, 1.0],
        contype=0,
        conaffinity=0,
    )
    world.add_geom(
        name='table',
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.6, 0.6, 0.02],
        pos=[x + TABLE_OFFSET, y, -0.02],
        rgba=[*TABLE_COLOR, 1.0],
        contype=1,
        conaffinity=3,
        friction=[0.6, 0.01, 0.001],
    )


def _add_block(
    spec: mujoco.MjSpec,
    name: str,
    position: np.ndarray,
    yaw: float,
    parts: list[tuple[np.ndarray, np.ndarray]],
    color: np.ndarray,
    is_round: bool,
) -> None:
    quat = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
    body = spec.worldbody.add_body(name=name, pos=position, quat=quat)
    body.add_freejoint(name=name)
    kind = mujoco.mjtGeom.mjGEOM_CYLINDER if is_round else mujoco.mjtGeom.mjGEOM_BOX
    for number, (place, half) in enumerate(parts):
        body.add_geom(
            name=f'{name}_{number}' if number else name,
            type=kind,
            pos=place,
            size=[half[0], half[2], 0.0] if is_round else half,
            mass=BLOCK_MASS / len(parts),
            rgba=[*color, 1.0],
            contype=1,
            conaffinity=3,
            friction=[0.6, 0.01, 0.001],
            solref=[0.01, 1.0],
        )


def box_parts(sides: np.ndarray, rim: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return centres (3,) and half sides (3,) [m] of the boxes that a thing consists of.

    It is one, or the floor and four walls where the rim is thick [m].
    """
    half = np.asarray(sides, dtype=float) / 2
    if rim <= 0:
        return [(np.zeros(3), half)]
    parts = [(np.array([0.0, 0.0, rim / 2 - half[2]]), np.array([half[0], half[1], rim / 2]))]
    for axis, sign in ((0, -1.0), (0, 1.0), (1, -1.0), (1, 1.0)):
        place, wall = np.array([0.0, 0.0, rim / 2]), half - np.array([0.0, 0.0, rim / 2])
        place[axis], wall[axis] = sign * (half[axis] - rim / 2), rim / 2
        # Those along x are between the other two, so that no parts overlap.
        wall[1] -= rim if axis == 0 else 0.0
        parts.append((place, wall))
    return parts


def _add_suction(spec: mujoco.MjSpec, tool_body: str, block: str) -> None:
    weld = spec.add_equality(name=f'suction_{block}')
    weld.type = mujoco.mjtEq.mjEQ_WELD
    weld.objtype = mujoco.mjtObj.mjOBJ_BODY
    weld.name1, weld.name2 = tool_body, block
    weld.active = False
    weld.solref = [0.004, 1.0]
    weld.solimp = [0.9, 0.95, 0.001, 0.5, 2.0]
