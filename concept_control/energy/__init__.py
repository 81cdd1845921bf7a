"""The learned energy: model, code, networks, search, inference, goals, storage, export."""
