"""The command line: one file a command, from arguments to a config to the library."""
