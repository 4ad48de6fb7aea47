"""The service's own state in SQL: projects, steps, tasks with their leases, notes, events.

Plain SQL over the database driver, one module a table family. The statements keep to what SQLite, PostgreSQL, MySQL and
OceanBase share: no upsert, no SKIP LOCKED (it is wrong on OceanBase and TiDB), claims by compare-and-set with an epoch.
"""
