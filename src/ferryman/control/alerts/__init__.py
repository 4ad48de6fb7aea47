"""Alerts: rules look at what control sees of projects and of the service, and tell people through channels.

rules → facts → evaluation (pure) → the metadb, with the notices to be sent → delivery through channels
"""
