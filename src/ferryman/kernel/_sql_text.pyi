from ferryman.kernel.sql_text import RowText as RowText
from ferryman.kernel.sql_text import insert_values as insert_values
from ferryman.kernel.sql_text import load_lines as load_lines
