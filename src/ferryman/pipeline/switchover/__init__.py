"""The switchover's work on both servers; control decides when (`docs/switchover.md`)."""
