"""Schema statements: tokens, parser, what they do to a schema, and statements written from a schema."""
