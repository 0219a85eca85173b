"""What a change must pass: one list of steps for a laptop, the hooks and every CI."""
