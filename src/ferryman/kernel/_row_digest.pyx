# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Native: canonical row digests. `ferryman.kernel.row_digest` is the specification; BLAKE2b is written from RFC 7693."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from ferryman.kernel import row_digest as twin
from ferryman.kernel.json_form import normal_json
from ferryman.model.batch import ColumnData
from ferryman.model.types import Kind

cdef extern from *:
    """
    static const uint64_t ferryman_blake_iv[8] = {
        0x6A09E667F3BCC908ULL, 0xBB67AE8584CAA73BULL, 0x3C6EF372FE94F82BULL, 0xA54FF53A5F1D36F1ULL,
        0x510E527FADE682D1ULL, 0x9B05688C2B3E6C1FULL, 0x1F83D9ABFB41BD6BULL, 0x5BE0CD19137E2179ULL};
    static const uint8_t ferryman_blake_sigma[12][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};
    #define FERRYMAN_ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))
    #define FERRYMAN_MIX(a, b, c, d, x, y) \\
        v[a] += v[b] + (x); v[d] = FERRYMAN_ROTATE(v[d] ^ v[a], 32); v[c] += v[d]; v[b] = FERRYMAN_ROTATE(v[b] ^ v[c], 24); \\
        v[a] += v[b] + (y); v[d] = FERRYMAN_ROTATE(v[d] ^ v[a], 16); v[c] += v[d]; v[b] = FERRYMAN_ROTATE(v[b] ^ v[c], 63);
    #define FERRYMAN_ROUND(r) { const uint8_t *s = ferryman_blake_sigma[r]; \\
        FERRYMAN_MIX(0, 4, 8, 12, m[s[0]], m[s[1]]) FERRYMAN_MIX(1, 5, 9, 13, m[s[2]], m[s[3]]) \\
        FERRYMAN_MIX(2, 6, 10, 14, m[s[4]], m[s[5]]) FERRYMAN_MIX(3, 7, 11, 15, m[s[6]], m[s[7]]) \\
        FERRYMAN_MIX(0, 5, 10, 15, m[s[8]], m[s[9]]) FERRYMAN_MIX(1, 6, 11, 12, m[s[10]], m[s[11]]) \\
        FERRYMAN_MIX(2, 7, 8, 13, m[s[12]], m[s[13]]) FERRYMAN_MIX(3, 4, 9, 14, m[s[14]], m[s[15]]) }
    static uint64_t ferryman_word(const uint8_t *p) {  /* little-endian on any machine */
        uint64_t word = 0;
        for (int i = 7; i >= 0; i--) word = word << 8 | p[i];
        return word;
    }
    static void ferryman_blake_block(uint64_t *h, const uint8_t *block, uint64_t count, int is_last) {
        uint64_t m[16], v[16];
        for (int i = 0; i < 16; i++) m[i] = ferryman_word(block + 8 * i);
        for (int i = 0; i < 8; i++) { v[i] = h[i]; v[i + 8] = ferryman_blake_iv[i]; }
        v[12] ^= count;
        if (is_last) v[14] = ~v[14];
        FERRYMAN_ROUND(0) FERRYMAN_ROUND(1) FERRYMAN_ROUND(2) FERRYMAN_ROUND(3) FERRYMAN_ROUND(4) FERRYMAN_ROUND(5)
        FERRYMAN_ROUND(6) FERRYMAN_ROUND(7) FERRYMAN_ROUND(8) FERRYMAN_ROUND(9) FERRYMAN_ROUND(10) FERRYMAN_ROUND(11)
        for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
    }
    """
    const uint64_t ferryman_blake_iv[8]
    void ferryman_blake_block(uint64_t* h, const uint8_t* block, uint64_t count, bint is_last) nogil

cdef enum:
    BLOCK = 128
    DIGEST_BYTES = 16

cdef struct Hash:
    uint64_t state[8]
    uint64_t count
    size_t held
    uint8_t block[BLOCK]

cdef struct Source:
    const uint64_t* offsets
    const uint8_t* data
    const uint8_t* nulls


cdef void begin(Hash* hash) noexcept nogil:
    memcpy(hash.state, ferryman_blake_iv, 64)
    hash.state[0] ^= 0x01010000 ^ DIGEST_BYTES
    hash.count = hash.held = 0


cdef void update(Hash* hash, const uint8_t* data, size_t size) noexcept nogil:
    cdef size_t part
    while size:
        if hash.held == BLOCK:  # a full block is mixed in only once more bytes come: the last one is marked
            hash.count += BLOCK
            ferryman_blake_block(hash.state, hash.block, hash.count, False)
            hash.held = 0
        part = BLOCK - hash.held
        if part > size:
            part = size
        memcpy(hash.block + hash.held, data, part)
        hash.held += part
        data += part
        size -= part


cdef void finish(Hash* hash, uint64_t* low, uint64_t* high) noexcept nogil:
    hash.count += hash.held
    memset(hash.block + hash.held, 0, BLOCK - hash.held)
    ferryman_blake_block(hash.state, hash.block, hash.count, True)
    low[0] = hash.state[0]
    high[0] = hash.state[1]


cdef void digest_row(const Source* sources, size_t width, size_t row, uint64_t* low, uint64_t* high) noexcept nogil:
    cdef Hash hash
    cdef uint8_t frame[4]
    cdef uint64_t start, size
    cdef size_t index
    begin(&hash)
    for index in range(width):
        if sources[index].nulls[row >> 3] >> (row & 7) & 1:
            memset(frame, 0xFF, 4)
            update(&hash, frame, 4)
            continue
        start = sources[index].offsets[row]
        size = sources[index].offsets[row + 1] - start
        frame[0] = size & 0xFF
        frame[1] = size >> 8 & 0xFF
        frame[2] = size >> 16 & 0xFF
        frame[3] = size >> 24 & 0xFF
        update(&hash, frame, 4)
        update(&hash, sources[index].data + start, size)
    finish(&hash, low, high)


cdef checked(column, size_t rows):
    """Return the column's buffers, held to agree with each other; a value of 4 GB and more has no frame."""
    cdef const uint64_t[::1] offsets = column.offsets
    cdef uint64_t before = 0, largest = 0, size = len(column.data)
    cdef size_t row, offset_count = offsets.shape[0], bitmap = len(column.nulls)
    if offset_count != rows + 1 or bitmap < (rows + 7) // 8:
        raise ValueError("a column of another row count than its batch")
    for row in range(rows + 1):
        if offsets[row] < before or offsets[row] > size:
            raise ValueError("offsets of a column out of order")
        if offsets[row] - before > largest:
            largest = offsets[row] - before
        before = offsets[row]
    if largest > 0xFFFFFFFE:
        raise OverflowError("a value of 4 GB")
    return column.offsets, column.data, column.nulls


def row_digests(batch, kinds):
    """Return a 128-bit digest of each row, in ``[0, 2**128)``."""
    cdef size_t rows = batch.row_count, width = len(batch.columns), index, row, kind_count = len(kinds)
    cdef const uint64_t[::1] offsets
    cdef bytes data, nulls
    cdef Source* sources
    cdef uint64_t* words
    if kind_count != width:
        raise ValueError("as many kinds as columns")
    if not width:
        return twin.row_digests(batch, kinds)
    columns = [
        checked(_normal(column) if kind is Kind.JSON else column, rows)
        for column, kind in zip(batch.columns, kinds)
    ]
    sources = <Source*> PyMem_Malloc(width * sizeof(Source))
    words = <uint64_t*> PyMem_Malloc((rows + 1) * 16)
    try:
        if sources == NULL or words == NULL:
            raise MemoryError
        for index in range(width):
            offsets, data, nulls = columns[index]
            sources[index].offsets = &offsets[0]
            sources[index].data = <const uint8_t*> PyBytes_AS_STRING(data)
            sources[index].nulls = <const uint8_t*> PyBytes_AS_STRING(nulls)
        with nogil:
            for row in range(rows):
                digest_row(sources, width, row, &words[2 * row], &words[2 * row + 1])
        return [<object> words[2 * row + 1] << 64 | words[2 * row] for row in range(rows)]
    finally:
        PyMem_Free(sources)
        PyMem_Free(words)


cdef _normal(column):
    return ColumnData.of([None if value is None else normal_json(value) for value in column.values()])
