"""A recorded bag to what happened in it, judged again. No ROS needed."""
