"""Atomic files, refusals, and one dataset from many shards."""

import os

import numpy as np
import pytest
import xarray as xr

from theorylab import store
from theorylab.errors import StorageError


def shard(value, extra=0.0):
    dataset = xr.Dataset(
        {"length": ("t", [value, value + extra])}, {"t": [0.1, 0.2]}, {"schema": store.SCHEMA}
    )
    dataset.length.attrs["units"] = "m"
    return dataset


def test_datasets_come_back_and_their_bytes_depend_on_content_alone(tmp_path):
    one, two = tmp_path / "one.nc", tmp_path / "deep" / "two.nc"
    for path in (one, two):
        store.write_dataset(path, shard(1.5))
    xr.testing.assert_identical(store.read_dataset(one), shard(1.5))
    assert store.sha256(one) == store.sha256(two)
    assert not list(tmp_path.glob(".*"))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    store.write_json(path, {"schema": store.SCHEMA, "x": 1})

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        store.write_atomically(path, fail)
    assert store.read_json(path)["x"] == 1
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:500]), "cannot read"),
        (lambda p: p.write_bytes(b"not a dataset"), "cannot read"),
        (lambda p: p.unlink(), "no such file"),
        (lambda p: store.write_dataset(p, shard(1).drop_attrs()), "not written by theorylab"),
        (lambda p: store.write_dataset(p, shard(1)), "another measurement"),
    ],
)
def test_damaged_and_foreign_datasets_are_refused(tmp_path, spoil, message):
    path = tmp_path / "a.nc"
    store.write_dataset(path, shard(1).assign_attrs(data_key="k"))
    store.read_dataset(path, "k")
    spoil(path)
    with pytest.raises(StorageError, match=message):
        store.read_dataset(path, "k")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"schema": "other"}'])
def test_damaged_and_foreign_records_are_refused(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(StorageError, match="delete it"):
        store.read_json(path)


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        (3, TypeError, "xarray.Dataset"),
        (xr.Dataset({"a": ("t", [1.0, np.nan])}), FloatingPointError, "'a': 1 of 2"),
        (xr.Dataset({"a": np.inf}), FloatingPointError, "not finite"),
        (xr.Dataset(coords={"t": [np.nan]}), FloatingPointError, "'t'"),
        (xr.Dataset({"a": ("t", np.array([{}], dtype=object))}), TypeError, "object"),
        (xr.Dataset({"a": 1j}), TypeError, "complex"),
    ],
)
def test_what_a_cell_must_not_return(dataset, error, message):
    with pytest.raises(error, match=message):
        store.check_measured(dataset)


def test_one_dimension_for_each_axis_in_the_order_given():
    axes = {"d": (10, 2), "name": ("b", "a")}
    shards = {(d, n): shard(d + len(n)) for d in axes["d"] for n in axes["name"]}
    combined = store.combine(axes, shards, {"title": "x"})
    assert combined.length.dims == ("d", "name", "t")
    assert list(combined.d.values) == [10, 2] and list(combined.name.values) == ["b", "a"]
    assert combined.attrs == {"title": "x"}
    assert combined.length.attrs == {"units": "m"}
    assert float(combined.length.sel(d=2, name="a", t=0.1)) == 3


def test_an_axis_value_without_any_cell_is_left_out_but_a_hole_is_an_error():
    axes = {"d": (1, 2), "data": ("here", "absent")}
    shards = {(d, "here"): shard(d) for d in (1, 2)}
    assert list(store.combine(axes, shards, {}).data.values) == ["here"]
    with pytest.raises(StorageError, match="hole"):
        store.combine(axes, shards | {(1, "absent"): shard(1)}, {})


@pytest.mark.parametrize(
    "other",
    [shard(1).assign_coords(t=[0.1, 0.3]), shard(1).isel(t=[0]), shard(1).rename(length="width")],
)
def test_cells_that_do_not_fit_together(other):
    with pytest.raises(StorageError, match=r"fit together|same variables"):
        store.combine({"d": (1, 2)}, {(1,): shard(1), (2,): other}, {})


def test_no_axes_at_all():
    assert store.combine({}, {(): shard(1)}, {}).length.dims == ("t",)


def test_a_lock_is_held_by_one_and_released(tmp_path):
    refused = pytest.raises(StorageError, match=f"process {os.getpid()}")
    with store.locked(tmp_path / "run"), refused, store.locked(tmp_path / "run"):
        pass
    with store.locked(tmp_path / "run"):
        pass
