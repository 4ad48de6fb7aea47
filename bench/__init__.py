"""Benchmarks: `make bench`. Ratios in one run on one machine; never a timed test."""
