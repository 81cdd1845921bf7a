"""Between ROS messages and the plain objects of the core."""
