"""Tools with no knowledge of databases; imports nothing of ours."""
