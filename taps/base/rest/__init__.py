"""The REST base: a stream is a declaration, behaviour is a value on it."""
