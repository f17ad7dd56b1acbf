"""`train` and `diagnose` from the command line, on a network of a few weights."""

import torch
from click.testing import CliRunner

from theorylab.cli import cli


def call(*arguments):
    before = torch.get_num_threads()
    try:
        result = CliRunner().invoke(cli, [str(a) for a in arguments])
        return result, torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def test_a_network_is_trained_and_diagnosed(tmp_path):
    train = "train", "digits", "--steps", 2, "--batch", 8, "--channels", "8", "--out", tmp_path
    result, threads = call(*train)
    assert result.exit_code == 0, result.output
    assert threads == 1  # the images are small
    assert {p.name for p in tmp_path.iterdir()} >= {
        "model.safetensors",
        "model.json",
        "samples.png",
    }
    out = tmp_path / "diagnosis"
    result, threads = call("diagnose", tmp_path, "--samples", 2, "--threads", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert threads == 1 and "calibration" in result.output
    assert {p.name for p in out.iterdir()} >= {"diagnosis.nc", "diagnosis.png"}
