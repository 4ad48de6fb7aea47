from ferryman.kernel.result_rows import ResultSetDecoder as ResultSetDecoder
