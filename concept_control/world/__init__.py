"""The world that everything is about: entities, events, the workspace, the table."""
