"""Checkpoints: weights as safetensors, everything else as a JSON card beside them. No pickles.

    model.safetensors    the weights (of the moving average), float16 or float32
    model.json           the card: architecture, data set and its checksum, seed, steps, versions,
                         threads and precision, licence, the command that made it, sha256 of the
                         weights

A card is written after its weights and names their sha256, so that a kill between the two is seen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from theorylab import store
from theorylab.errors import Missing, StorageError, UsageError
from theorylab.suggest import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "theorylab checkpoint 1"
SHIPPED = Path(__file__).parent / "shipped"


def save(weights: dict[str, Tensor], card: dict, path: Path) -> None:
    """Write ``path.safetensors`` and ``path.json``, atomically; any suffix of ``path`` is replaced.

    Raises StorageError where the folder cannot be written.
    """
    from safetensors.torch import save_file

    contiguous = {name: w.detach().cpu().contiguous() for name, w in weights.items()}
    target = path.with_suffix(".safetensors")

    def write(temporary: Path) -> None:
        save_file(contiguous, temporary)
        temporary.chmod(0o644)  # safetensors' 0600 would shut out other users of a shared folder

    store.write_atomically(target, write)
    card = {"format": FORMAT, **card, "weights_sha256": store.sha256(target)}
    text = json.dumps(card, indent=2, sort_keys=True) + "\n"
    store.write_atomically(path.with_suffix(".json"), lambda temporary: temporary.write_text(text))


def read_card(path: Path) -> dict:
    """The card beside the weights.

    Raises Missing where there is none, StorageError where it is not a card of this format.
    """
    card_path = path.with_suffix(".json")
    if not card_path.is_file():
        raise Missing(f"{path}: there is no checkpoint card {card_path.name} beside it")
    try:
        card = json.loads(card_path.read_text())
    except (OSError, ValueError) as error:
        raise StorageError(f"{card_path} cannot be read as a checkpoint card: {error}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise StorageError(f"{card_path} is no card of format {FORMAT!r} (its format: {found!r})")
    return card


def read_weights(path: Path, card: dict) -> dict[str, Tensor]:
    """The tensors, as they are stored.

    Raises Missing where the file is absent, StorageError where it is truncated, damaged, or not the
    one that the card was written for.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    target = path.with_suffix(".safetensors")
    if not target.is_file():
        raise Missing(f"{target} is not there, although its card {path.stem}.json is")
    if store.sha256(target) != card.get("weights_sha256"):
        raise StorageError(
            f"{target} is not the file its card describes (its sha256 differs): it is truncated, "
            "damaged, or belongs to another card"
        )
    try:
        return load_file(target)
    except (SafetensorError, OSError) as error:
        raise StorageError(f"{target} cannot be read as safetensors: {error}") from error


def fill(module: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Put stored weights into a module, in the module's dtype.

    Raises StorageError, naming the first difference, where they are of another architecture.
    """
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in weights:
            raise StorageError(f"{path} is of another architecture: it has no weights {name!r}")
        if weights[name].shape != tensor.shape:
            raise StorageError(
                f"{path} is of another architecture: {name!r} has shape "
                f"{tuple(weights[name].shape)}, the network's is {tuple(tensor.shape)}"
            )
    extra = sorted(set(weights) - set(own))
    if extra:
        raise StorageError(f"{path} is of another architecture: nothing takes its {extra[0]!r}")
    module.load_state_dict({name: w.to(own[name].dtype) for name, w in weights.items()})


def resolve(name: str | Path) -> Path:
    """The path of a checkpoint: a shipped one by its name, or a file (with or without suffix).

    A folder stands for its ``model.safetensors``. Raises UsageError, listing what is shipped.
    """
    path = Path(name)
    if (path / "model.json").is_file():
        return path / "model.safetensors"
    for candidate in (path, SHIPPED / path.name):
        if candidate.with_suffix(".json").is_file() or candidate.is_file():
            return candidate.with_suffix(".safetensors")
    hint = did_you_mean(path.name, shipped())
    raise UsageError(
        f"there is no checkpoint {str(name)!r}{hint and f', {hint}'}: give a file, a folder "
        f"written by `train`, or one of the shipped: {', '.join(shipped()) or 'none'}"
    )


def shipped() -> list[str]:
    """Names of the checkpoints that the package carries."""
    return sorted(p.stem for p in SHIPPED.glob("*.json"))
