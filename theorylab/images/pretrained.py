"""Other people's weights on this machine: where they lie, what is in them, what to do without them.

Looked for in $THEORYLAB_MODELS, or else in the cache folder's `models`. Nothing is downloaded: a
measurement must not fetch hundreds of megabytes behind its user's back.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from theorylab import store
from theorylab.errors import Missing, UsageError
from theorylab.images.datasets import cache_folder

#: name -> (the file that shows it is there, how to get it)
KNOWN = {
    "ddpm-cifar10-32": (
        "ddpm-cifar10-32/model_index.json",
        'DDPMPipeline.from_pretrained("google/ddpm-cifar10-32").save_pretrained(FOLDER) with '
        "diffusers on a machine with a network makes that folder (140 MB)",
    ),
    "inception": (
        "weights-inception-2015-12-05-6726825d.pth",
        "it is the file of that name among the releases of "
        "https://github.com/toshas/torch-fidelity (95 MB); reading it takes torch-fidelity: "
        "python -m pip install torch-fidelity",
    ),
}


def locate(name: str) -> Path:
    """The folder of a pipeline, or the file of weights.

    Raises Missing, saying where it looked and what to do; UsageError for an unknown name.
    """
    if name not in KNOWN:
        raise UsageError(f"no pretrained weights are called {name!r}; known are {', '.join(KNOWN)}")
    shown, how = KNOWN[name]
    base = os.environ.get("THEORYLAB_MODELS")
    place = Path(base).expanduser() if base else cache_folder() / "models"
    path = place / shown
    if not path.is_file():
        raise Missing(
            f"{path} is not on this machine: {how}. Put it there, or set THEORYLAB_MODELS to the "
            "folder that holds it"
        )
    return path.parent if path.name == "model_index.json" else path


def checksum(name: str) -> str:
    """sha256 of the weights, or of all weights and configurations of a pipeline; as `locate`."""
    path = locate(name)
    if path.is_file():
        return store.sha256(path)
    parts = sorted([*path.rglob("*.json"), *path.rglob("*.safetensors")])
    lines = [f"{part.relative_to(path).as_posix()} {store.sha256(part)}" for part in parts]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
