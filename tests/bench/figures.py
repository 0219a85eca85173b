"""What a measurement is."""

Figures = list[tuple[str, float, str, float]]
"""What was measured, its value, its unit, and the promised bound, infinite where none is."""
