"""Rows: read, written, and the progress kept beside them."""
