"""PostgreSQL's logical replication: slots, the stream of its messages as raw records, and their meaning."""
