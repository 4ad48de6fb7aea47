"""Runs tasks: `local` as child processes of the service; `child` is what such a process is."""
