"""From raw source records to the canonical streams: presets (data), their compiler, the mapper, the SQL models."""
