"""Detections over time to entities that keep their ids."""
