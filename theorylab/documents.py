"""The documents whose statements are checked, by the number that sources and catalogue use."""

from __future__ import annotations

#: Number -> "Author, title".
DOCUMENTS = {
    "000": "Yuan, Interpreting and improving diffusion models from an optimization perspective",
    "001": "Zhu, A geometric perspective on diffusion models",
    "002": "Wei, Unifying perspectives on diffusion",
    "003": "Kang, Understanding diffusion models in two perspectives",
    "004": "Bach, An alternative view of denoising diffusion models",
}
