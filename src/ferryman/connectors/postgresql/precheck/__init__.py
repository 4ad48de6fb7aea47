"""What is asked of PostgreSQL before a project begins."""
