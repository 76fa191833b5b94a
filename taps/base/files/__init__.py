"""The files base: finding files, unpacking and decoding them, reading tables out of them, and what has been read.

find      which files a path or glob means, in which order
unpack    bytes of a file, plain, gzip or zstd
text      characters and lines out of the bytes
delimited, jsonl, parquet    rows out of the lines
kinds     types a column can have, and what becomes of a value
shape     rows into encoded records
bookmark  which files have been read
stream    all of these as a Singer stream
"""
