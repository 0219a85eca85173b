"""What a release must prove on a live endpoint: measurements, thresholds and one verdict."""
