"""Image data sets, and what is trained on them."""
