"""The simulated world: scene, physics, cameras, and the loop closed without ROS."""
