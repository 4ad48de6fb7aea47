"""The demonstration: a shop on MariaDB moves into OceanBase while customers keep buying."""

from ferryman.demo.show import main

__all__ = ["main"]
