"""OceanBase as a source without any log service: changes between two SCNs, found by reading (docs/oceanbase-source.md)."""
