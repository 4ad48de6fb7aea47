"""The native API under ``/api/v1``: our own words, JSON in and out, described by OpenAPI."""
