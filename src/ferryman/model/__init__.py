"""Immutable values of the domain: no I/O, no logging, no third party."""
