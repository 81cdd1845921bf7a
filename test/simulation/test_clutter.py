import numpy as np

from concept_control.simulation.clutter import random_clutter


def test_what_stands_on_another_stands_over_it_and_in_nothing():
    num_stacked = 0
    for seed in range(4):
        clutter = random_clutter(np.random.default_rng(seed), False, has_stacks=True)
        bottoms = clutter.positions[:, 2] - 0.5 * clutter.sizes[:, 2]
        tops = bottoms + clutter.sizes[:, 2]
        for block, carrier in enumerate(clutter.carriers):
            offset = (clutter.positions[block] - clutter.positions[carrier])[:2]
            is_over = (np.abs(offset) < 0.5 * clutter.sizes[carrier, :2]).all()
            assert bottoms[block] < 1e-9 if carrier < 0 else is_over
            num_stacked += carrier >= 0
            if carrier >= 0:
                np.testing.assert_allclose(bottoms[block], tops[carrier])
        for one in range(len(tops)):
            for other in range(one):
                overlap = min(tops[one], tops[other]) - max(bottoms[one], bottoms[other])
                gap = np.linalg.norm((clutter.positions[one] - clutter.positions[other])[:2])
                sides = clutter.sizes[one, 0] + clutter.sizes[other, 0]
                assert overlap < 1e-9 or gap > 0.49 * sides
    assert num_stacked > 4
