"""The files base: finding files, reading tables out of them, and knowing what has been read.

choices    the settings, as --about prints them
settings   their values, checked
find       which files a path or glob means
listing    which of them a stream reads, in which order
unpack     bytes of a file, plain, gzip or zstd
text       characters and lines out of the bytes
delimited, jsonl, parquet    rows out of the lines
source     one of these, whatever the file is
kinds      types a column can have, and what becomes of a value
columns    the columns of a stream: declared, known, found
shape      rows into encoded records
plain, mixed    whole columns out of delimited text, rows around what is odd
vectors, tabled    columns of texts into tables of the stream's columns
rejected   rows that could not be read
bookmark   files that have been read
stream     all of these as a Singer stream
"""
