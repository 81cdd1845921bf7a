import numpy as np

from concept_control.simulation.arm_shapes import arm_shapes, body_poses
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld


def test_shapes_stand_where_mujoco_has_the_geoms_and_none_is_a_block():
    scene = build_scene(SceneConfig(num_blocks=2))
    world = SimulatedWorld(scene)
    poses, shapes = body_poses(world), arm_shapes(scene)
    assert {shape.kind for shape in shapes} == {'cylinder', 'sphere'}
    drawn = []
    for shape in shapes:
        position, *rotation = poses[shape.body]
        drawn.append(position + np.array(rotation) @ shape.position)
    for geom in range(scene.model.ngeom):
        name = scene.model.body(scene.model.geom_bodyid[geom]).name
        gaps = np.linalg.norm(np.array(drawn) - world.data.geom_xpos[geom], axis=1)
        assert (gaps.min() < 1e-3) == (name != 'world' and not name.startswith('concept/')), name
