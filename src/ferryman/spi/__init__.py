"""The contract between pipeline and connectors: protocols and records only."""
