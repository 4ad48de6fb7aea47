"""Ferryman moves databases without stopping them: schema, rows, every change that follows, proved equal at the end."""

__version__ = "0.1.0"
