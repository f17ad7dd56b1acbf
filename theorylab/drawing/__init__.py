"""Figure files: drawn, saved, captioned and checked; their look is in ``theorylab.figures``."""
