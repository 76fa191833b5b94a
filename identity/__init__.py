"""Who is who: fragments, the store of their hashes, and `resolve-identity`, which attaches people to records."""
