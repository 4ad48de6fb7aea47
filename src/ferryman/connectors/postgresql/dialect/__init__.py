"""How PostgreSQL takes over schemas of the MySQL family, and what is lost on the way."""
