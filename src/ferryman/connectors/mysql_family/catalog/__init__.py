"""The catalog of a MySQL-family server, read into `ferryman.model.schema`."""
