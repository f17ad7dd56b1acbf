"""What a figure can be drawn for; apart from the drawing, so that the shell completes it at once."""

#: Venues by the names that people type, and what tueplots calls their sizes.
VENUES = {
    "neurips2024": "neurips2024",
    "icml2024": "icml2024",
    "iclr2024": "iclr2024",
    "jmlr": "jmlr2001",
    "beamer": "beamer_moml",
}
WIDTHS = ("half", "full")
FORMATS = ("pdf", "svg", "png")
