"""The command line. What is heavy is imported by the command that needs it: ``ferryman --help`` answers at once."""
