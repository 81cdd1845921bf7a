"""Planners and commands on the simulated arm, without ROS."""
