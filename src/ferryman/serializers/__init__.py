"""Formats of messages, one module each: rows, schema statements and heartbeats as a consumer expects them."""
