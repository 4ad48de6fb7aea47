"""The control plane: decides what runs, restarts what dies, keeps the life cycle. Never moves a row.

`steps.decide` and `endings.judge` are the decisions, pure and tested as such; `reconciler` observes, asks them, and does
what they say; `service` is the door for the API and the command line.
"""
