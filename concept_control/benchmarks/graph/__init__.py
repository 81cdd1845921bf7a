"""The whole node graph as processes: runs, soaking, restarts, damaged messages, images."""
