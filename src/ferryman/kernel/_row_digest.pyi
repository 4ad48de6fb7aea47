from ferryman.kernel.row_digest import row_digests as row_digests
