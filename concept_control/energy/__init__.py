"""The learned energy: code, network, inference, operations, composition, storage."""
