from ferryman.kernel.sql_text import insert_values as insert_values
