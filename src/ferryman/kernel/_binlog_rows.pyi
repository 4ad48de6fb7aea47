from ferryman.kernel.binlog_rows import decode_rows as decode_rows
