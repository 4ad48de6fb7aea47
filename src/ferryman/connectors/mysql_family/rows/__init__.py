"""Rows: read over the binary protocol, written in fenced transactions."""
