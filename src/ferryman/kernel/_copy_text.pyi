from ferryman.kernel.copy_text import decode_copy as decode_copy
from ferryman.kernel.copy_text import encode_copy as encode_copy
