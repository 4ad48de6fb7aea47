"""Rules of tables: which rows and columns move, and what becomes of their values; the same for load, log and comparison.

The steps know nothing of them. They are given a source whose tables have, at every moment, the columns and the rows that
the target shall have (`source.RuledSource`), and a dialect that thinks so, too (`dialect.RuledDialect`).
"""
