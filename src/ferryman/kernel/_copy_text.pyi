from ferryman.kernel.copy_text import encode_copy as encode_copy
