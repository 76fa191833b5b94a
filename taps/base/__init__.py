"""What the taps share: checked settings, block writing of records, and the bases for files."""
