"""What is asked of a MySQL-family endpoint before anything moves."""
