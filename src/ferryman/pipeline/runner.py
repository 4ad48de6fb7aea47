"""Turns one step of a project into its running task."""
