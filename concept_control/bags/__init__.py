"""Recorded bags; no ROS needed.

reader                 messages of a bag, as far as it can be read
lerobot                LeRobot datasets, read as events and written
lerobot_export         a bag as such a dataset
storage_files          the files of a bag: split, packed, cut off
topics                 the topics that are read
replayable             what can be made again by playing a bag
setup                  what no bag holds: arm, camera pose, table
demonstrated_events    the events of a bag, to learn from or to name
strokes                drawn lines from a topic of poses
excerpt                a small bag out of a big one
"""
