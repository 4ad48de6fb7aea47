"""The catalog of a PostgreSQL database, read into `ferryman.model.schema`."""
