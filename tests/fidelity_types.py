"""Types of each source with values at both ends, and values that a target may not have: what the fidelity matrix is made of.

A group is one table; an edge is a table of its own, so that its refusal concerns nothing else.
"""

from __future__ import annotations

Types = dict[str, list[str]]

NUMBERS: Types = {
    "TINYINT": ["-128", "127"], "TINYINT(1)": ["-128", "2"], "TINYINT UNSIGNED": ["0", "255"], "SMALLINT": ["-32768", "32767"],
    "SMALLINT UNSIGNED": ["0", "65535"], "MEDIUMINT": ["-8388608", "8388607"], "MEDIUMINT UNSIGNED": ["0", "16777215"],
    "INT": ["-2147483648", "2147483647"], "INT UNSIGNED": ["0", "4294967295"], "INT(10) UNSIGNED ZEROFILL": ["42", "0"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807"], "BIGINT UNSIGNED": ["0", "18446744073709551615"],
    "DECIMAL(65,30)": ["-" + "9" * 35 + "." + "9" * 30, "0." + "0" * 29 + "1"], "DECIMAL(10,0)": ["-9999999999", "0"],
    "FLOAT": ["-3.402823466e38", "1.17549435e-38", "0.1"],
    "DOUBLE": ["-1.7976931348623157e308", "2.2250738585072014e-308", "0.1"],
    "BIT(1)": ["0", "1"], "BIT(64)": ["0", "18446744073709551615"],
}  # fmt: skip
TIMES: Types = {
    "DATE": ["'1000-01-01'", "'9999-12-31'"], "TIME": ["'-838:59:59'", "'838:59:59'"],
    "TIME(6)": ["'-00:00:00.000001'", "'838:59:58.999999'"], "DATETIME": ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"],
    "DATETIME(6)": ["'2020-02-29 23:59:59.999999'", "'1000-01-01 00:00:00'"],
    "TIMESTAMP(6) NULL": ["'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.999999'"], "YEAR": ["1901", "2155", "0000"],
}  # fmt: skip
TEXTS: Types = {
    "CHAR(20)": ["''", "'ünï 🚣'"], "VARCHAR(200)": ["'trailing   '", "'tab\\t nl\\n cr\\r bs\\\\ q\\' z\\Z 😀'", "'\\\\N'"],
    "VARCHAR(50) CHARACTER SET latin1": ["'café €'", "'ÿþ'"], "TEXT": ["''", "'%s %d {}'"],
    "LONGTEXT": ["REPEAT('long 🛶 ', 20000)", "'NULL'"], "ENUM('a','d''e','ü')": ["'ü'", "'d\\'e'"],
    "SET('x','y','z w')": ["''", "'x,y,z w'"],
}  # fmt: skip
BYTES: Types = {
    "BINARY(8)": ["''", "X'00FF00FF00000000'"], "VARBINARY(300)": ["''", "X'" + bytes(range(256)).hex() + "'"],
    "BLOB": ["X'5C6E'", "X'00'"], "LONGBLOB": ["UNHEX(REPEAT('00FF0A5C27', 20000))", "''"],
}  # fmt: skip
JSON: Types = {"JSON": ['\'{"b": 1.50, "a": [1e5, null, "é😀\\\\n"]}\'', "'[]'", "'\"text\"'"]}
FAMILY_EDGES = [
    ("DOUBLE", "negative zero", "-0e0"), ("FLOAT", "negative zero", "-0e0"),
    ("DATE", "zero-date", "'0000-00-00'"), ("DATE", "zero-date", "'2020-00-10'"),
    ("DATETIME(3)", "zero-date", "'2023-02-30 12:00:00'"),
    ("TIMESTAMP NULL", "zero-date", "'0000-00-00 00:00:00'"), ("VARCHAR(9)", "nul-character", "'a\\0b'"),
]  # fmt: skip
ENUM_EDGE = ("ENUM('a')", "enum-error", "'no label'")
JSON_EDGE = ("JSON", "nul-character", '\'{"k": "\\\\u0000"}\'')
MARIADB: dict[str, Types] = {
    "numbers": NUMBERS, "times": TIMES, "texts": TEXTS, "bytes": BYTES,
    "others": JSON | {
        "UUID": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"], "INET4": ["'192.168.0.1'"], "INET6": ["'2001:db8::ff00:42:8329'"],
        "DECIMAL(40,38)": ["-1." + "9" * 38],
    },
}  # fmt: skip
MYSQL56: dict[str, Types] = {"numbers": NUMBERS, "times": TIMES, "texts": TEXTS, "bytes": BYTES}
OCEANBASE: dict[str, Types] = {
    "numbers": NUMBERS, "times": TIMES, "texts": {k: v for k, v in TEXTS.items() if "latin1" not in k}, "bytes": BYTES,
    "others": JSON,
}  # fmt: skip
POSTGRESQL: dict[str, Types] = {
    "numbers": {
        "boolean": ["true", "false"], "smallint": ["-32768", "32767"], "integer": ["-2147483648", "2147483647"],
        "bigint": ["-9223372036854775808", "9223372036854775807"], "numeric(20,4)": ["1234567890123456.7891", "-0.5"],
        "numeric": ["12345678901234567890.5", "1e-30"], "numeric(80,2)": ["9" * 78 + ".25", "1"],
        "real": ["0.1", "-3.4028235e38"], "double precision": ["0.1", "1.7976931348623157e308"],
        "money": ["'1234.56'", "'-0.05'"], "bit(8)": ["B'10000001'"], "bit(70)": ["B'" + "10" * 35 + "'"],
        "bit varying(70)": ["B'101'", "B''"], "oid": ["4294967295"],
    },
    "times": {
        "date": ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'"], "time": ["'23:59:59.123456'", "'24:00'"],
        "timetz": ["'12:00:00+02'"], "timestamp": ["'2024-06-30 12:00:00.5'", "'9999-12-31 23:59:59.999999'"],
        "timestamptz(3)": ["'2024-06-30 12:00:00.125+02'", "'1900-01-01'"],
        "interval": ["'1 year 2 mon 3 day 4:5:6.7'", "'-1 day'"],
    },
    "texts": {
        "char(5)": ["'ab'", "'€'"], "varchar(20)": ["'a '", "'😀\\'''"], "text": ["repeat('€', 4000)", "''", "E'\\t\\n\\\\'"],
        "bytea": ["'\\x00ff27'", "''"], "uuid": ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
        "json": ["'{\"b\": 1, \"a\": [1,2.50]}'"], "jsonb": ["'{\"b\": 12345678901234567890.5}'"], "mood": ["'sad'", "'it''s'"],
    },
    "others": {
        "inet": ["'192.168.0.1/24'", "'::1'"], "cidr": ["'10.0.0.0/8'"], "macaddr": ["'08:00:2b:01:02:03'"],
        "int[]": ["'{{1,2},{3,NULL}}'"], "text[]": ["ARRAY['a','b,c','NULL','\"',NULL]"], "mood[]": ["ARRAY['sad']::mood[]"],
        "int4range": ["'[1,5)'", "'empty'"], "tstzrange": ["'[2024-01-01 00:00+00, infinity)'"],
        "int4multirange": ["'{[1,3),[5,9)}'"], "point": ["'(1.5,-0)'"], "polygon": ["'((0,0),(1,1),(1,0))'"],
        "tsvector": ["'a:1A cat:2'"], "tsquery": ["'a & !b'"], "jsonpath": ["'$.a[*]'"], "pg_lsn": ["'16/B374D848'"],
    },
}  # fmt: skip
POSTGRESQL_EDGES = [
    ("double precision", "negative zero", "'-0'"), ("real", "negative zero", "'-0'"),
    ("real", "not-a-number", "'NaN'"), ("double precision", "not-a-number", "'-Infinity'"),
    ("numeric(20,4)", "not-a-number", "'NaN'"),
    ("numeric", "number-range", "1e40"), ("numeric", "digits", "1e-31"), ("date", "date-range", "'infinity'"),
    ("date", "date-range", "'0044-03-15 BC'"), ("timestamp", "date-range", "'-infinity'"),
    ("timestamptz", "date-range", "'12024-01-01'"),
]  # fmt: skip
