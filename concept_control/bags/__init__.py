"""Recorded bags: read them, find what was demonstrated in them, cut excerpts. No ROS needed."""
