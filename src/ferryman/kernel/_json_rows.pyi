from ferryman.kernel.json_rows import fill_rows as fill_rows
