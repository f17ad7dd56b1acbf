"""The oracle of the named schedules."""

import mpmath as mp
import pytest
from theorylab.experiments.schedules import admissible_schedule as module

import theorylab


def test_oracle_nodes_against_the_digitised_plot():
    """log sigma of the document's own schedule at N = 10, read off its plot (within a pixel)."""
    plotted = [3.691, 2.970, 2.250, 1.525, 0.799, 0.078, -0.643, -1.368, -2.084, -2.761, -4.605]
    with mp.workdps(30):
        nodes = module.nodes_in_high_precision(10)["ours"]
    assert [float(mp.log(s)) for s in nodes] == pytest.approx(plotted, abs=0.03)
    assert float(module.ddpm_levels()[-1]) == pytest.approx(157.41, abs=0.01)


@pytest.mark.parametrize(
    "name",
    [
        "admissible_schedule",
        "log_linear_steps",
        "ddim_tracking",
        "ddim_tracking_trajectories",
        "ddim_error_model",
    ],
)
def test_every_claim_names_its_entry(name):
    for claim in theorylab.load(name).claims:
        assert claim.entries
        assert any(claim.id.startswith(entry) for entry in claim.entries)
