"""The nodes of the graph, one folder or file each."""
