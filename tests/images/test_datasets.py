"""Data sets: the loader against struct and gzip, every kind of damage, and downloads over http."""

import contextlib
import gzip
import hashlib
import http.server
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from theorylab.errors import Missing, StorageError, UsageError
from theorylab.images import datasets
from theorylab.images.datasets import (
    ImageData,
    as_float,
    checksum,
    digits,
    download_fashion_mnist,
    fashion_mnist,
    locate,
)
from theorylab.images.idx import parse_idx


def idx(values, kind=8):
    values = np.asarray(values, dtype=np.uint8)
    header = struct.pack(f">HBB{values.ndim}I", 0, kind, values.ndim, *values.shape)
    return header + values.tobytes()


def small_contents():
    """Four IDX files of the right form and a small size."""
    rng = np.random.default_rng(0)
    contents = {}
    for prefix, count in (("train", 6), ("t10k", 3)):
        contents[f"{prefix}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (count, 28, 28)))
        contents[f"{prefix}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count))
    return contents


@pytest.fixture
def contents(monkeypatch, tmp_path):
    """A small data set in the place of the real one, and no other place to find one."""
    contents = small_contents()
    table = {
        stem: datasets._File(len(content), hashlib.sha256(content).hexdigest())
        for stem, content in contents.items()
    }
    monkeypatch.setattr(datasets, "FASHION_MNIST_FILES", table)
    monkeypatch.setattr(datasets, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("THEORYLAB_DATA", raising=False)
    return contents


def write(folder, contents, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in contents.items():
        if zipped:
            (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / stem).write_bytes(content)
    return folder


@contextlib.contextmanager
def server(handler):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def serving(replies, asked=None):
    """A handler that sends replies[name], or a number as a status; `asked` collects the names."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rsplit("/", 1)[-1]
            if asked is not None:
                asked.append(name)
            reply = replies.get(name, 404)
            if isinstance(reply, int):
                self.send_error(reply)
                return
            body, promised = reply if isinstance(reply, tuple) else (reply, len(reply))
            self.send_response(200)
            if promised is not None:
                self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    return Handler


def zipped(contents):
    return {f"{stem}.gz": gzip.compress(content) for stem, content in contents.items()}


def test_digits_are_those_that_scikit_learn_loads():
    data = digits()
    assert data.images.shape == (1797, 8, 8) and data.images.dtype == torch.uint8
    assert (data.name, data.maximum) == ("digits", 16) and int(data.images.max()) == 16
    bunch = load_digits()
    assert np.array_equal(data.images.numpy(), bunch.images)
    assert np.array_equal(data.labels.numpy(), bunch.target)
    assert data.checksum == checksum("digits")


@pytest.mark.parametrize("content", [b"0,1\n", b"a,b\n"], ids=["columns", "words"])
def test_a_damaged_digits_file_is_named(monkeypatch, tmp_path, content):
    (tmp_path / "digits.csv.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(datasets, "locate", lambda name: tmp_path)
    with pytest.raises(StorageError, match=r"digits.csv.gz cannot be read .*reinstall"):
        digits()
    (tmp_path / "digits.csv.gz").unlink()
    with pytest.raises(StorageError, match=r"digits.csv.gz cannot be read .*reinstall"):
        digits()


def test_another_digits_file_is_refused(monkeypatch):
    monkeypatch.setattr(datasets, "DIGITS_SHA256", "0" * 64)
    with pytest.raises(StorageError, match="digits are not the expected data"):
        digits()


def test_as_float_maps_black_and_white_to_the_ends():
    values = torch.arange(17, dtype=torch.uint8).reshape(1, 17, 1)
    data = ImageData("x", values, values, "", 16)
    got = as_float(data)
    assert torch.equal(got.flatten(), torch.arange(17, dtype=torch.float64) / 8 - 1)
    assert data.images.dtype == torch.uint8 and int(data.images[0, 16, 0]) == 16
    data = ImageData("x", torch.tensor([[[0, 255]]], dtype=torch.uint8), values, "", 255)
    for dtype in (torch.float16, torch.float32, torch.float64):
        assert as_float(data, dtype).dtype == dtype
        assert as_float(data, dtype).flatten().tolist() == [-1, 1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_real_fashion_mnist(split):
    try:
        folder = locate("fashion-mnist")
    except Missing as missing:
        pytest.skip(str(missing))
    data = fashion_mnist(split)
    count, prefix = {"train": (60_000, "train"), "test": (10_000, "t10k")}[split]
    assert data.images.shape == (count, 28, 28) and data.images.dtype == torch.uint8
    assert data.labels.bincount().tolist() == [count // 10] * 10
    path = datasets._find(folder, f"{prefix}-images-idx3-ubyte")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert struct.unpack(">4I", raw[:16]) == (0x803, count, 28, 28)
    for index in (0, 17, count - 1):
        start = 16 + 784 * index
        assert data.images[index].flatten().tolist() == list(raw[start : start + 784])
    assert data.checksum == checksum("fashion-mnist", split)


@pytest.mark.parametrize("raw", [True, False])
def test_small_set_is_read_from_gzipped_and_plain_files(contents, tmp_path, raw):
    folder = write(tmp_path / "data", contents, zipped=not raw)
    data = fashion_mnist("test", folder)
    stem = "t10k-images-idx3-ubyte"
    assert data.images.flatten().tolist() == list(contents[stem][16:])
    assert data.labels.tolist() == list(contents["t10k-labels-idx1-ubyte"][8:])
    data.images[0, 0, 0] += 1  # a writable copy of its own
    assert fashion_mnist("train", str(folder)).images.shape == (6, 28, 28)


def test_places_are_searched_in_their_order(contents, tmp_path, monkeypatch):
    debian = write(tmp_path / "debian", contents)
    assert locate("fashion-mnist") == debian
    cache = write(tmp_path / "xdg" / "theorylab" / "fashion-mnist", contents)
    assert locate("fashion_mnist") == cache
    below = write(tmp_path / "data" / "fashion-mnist", contents)
    monkeypatch.setenv("THEORYLAB_DATA", str(tmp_path / "data"))
    assert locate("fashion-mnist") == below
    here = write(tmp_path / "data", contents)
    assert locate("fashion-mnist") == here
    explicit = write(tmp_path / "explicit", contents)
    assert locate("fashion-mnist", explicit) == explicit
    with pytest.raises(Missing):
        locate("fashion-mnist", tmp_path / "empty")  # an explicit folder is the only place


def test_a_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert datasets.cache_folder() == tmp_path / ".cache" / "theorylab"


def test_missing_says_where_it_looked_and_what_to_do(contents, tmp_path):
    folder = write(tmp_path / "debian", contents)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(Missing) as caught:
        fashion_mnist()
    text = str(caught.value)
    assert f"{folder} (lacks t10k-labels-idx1-ubyte)" in text
    assert str(tmp_path / "xdg" / "theorylab" / "fashion-mnist") in text
    assert "python -m theorylab data fashion-mnist" in text
    assert "apt-get install dataset-fashion-mnist" in text and "THEORYLAB_DATA" in text


def test_unknown_names_and_splits():
    for call in (locate, checksum):
        with pytest.raises(UsageError, match=r"'cifar'; known are digits, fashion-mnist"):
            call("cifar")
    for call in (fashion_mnist, lambda split: checksum("fashion-mnist", split)):
        with pytest.raises(UsageError, match="'train' or 'test'; got 'valid'"):
            call("valid")
    assert checksum("fashion-mnist", "test") != checksum("fashion-mnist")


def damaged_gzip(content):
    packed = bytearray(gzip.compress(content))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda c: gzip.compress(c)[:-20], id="gzip truncated"),
        pytest.param(lambda c: gzip.compress(c)[:5], id="gzip header cut"),
        pytest.param(damaged_gzip, id="gzip damaged"),
        pytest.param(lambda c: gzip.compress(c[:-1]), id="content truncated"),
        pytest.param(lambda c: gzip.compress(c + b"x"), id="content longer"),
        pytest.param(lambda c: gzip.compress(flipped(c)), id="one bit of content"),
        pytest.param(lambda c: b"<html>log in</html>", id="another file"),
        pytest.param(lambda c: b"", id="empty"),
    ],
)
def test_a_damaged_file_is_named(contents, tmp_path, spoil):
    folder = write(tmp_path / "data", contents)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(spoil(contents["train-images-idx3-ubyte"]))
    with pytest.raises(StorageError, match=r"train-images-idx3-ubyte\.gz") as caught:
        fashion_mnist(folder=folder)
    assert str(path) in str(caught.value) and "get it again" in str(caught.value)
    assert len(fashion_mnist("test", folder).images) == 3  # the other split is intact


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x01\x00\x08\x01" + bytes(8), "not an IDX file"),
        (idx([1, 2], kind=0x0D), "type 0x0d"),
        (b"\0\0\x08\0", "not an IDX file"),
        (b"\0\0\x08\x03" + bytes(8), "header of 3 sizes is cut"),
        (idx([[1, 2], [3, 4]])[:-1], r"promises \(2, 2\), 4 values; it holds 3"),
        (idx([[1, 2], [3, 4]]) + b"x", r"promises \(2, 2\), 4 values; it holds 5"),
    ],
)
def test_idx_headers_are_checked(content, message):
    with pytest.raises(StorageError, match=message) as caught:
        parse_idx(content, "some.file")
    assert str(caught.value).startswith("some.file")


def test_idx_is_read_in_c_order():
    values = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(parse_idx(idx(values), "x"), values)


def test_download_then_nothing_left_to_download(contents, tmp_path):
    asked, told = [], []
    replies = zipped(contents)
    with server(serving(replies, asked)) as url:
        folder = download_fashion_mnist(progress=lambda *args: told.append(args), base_url=url)
        assert folder == locate("fashion-mnist") == datasets.cache_folder() / "fashion-mnist"
        assert sorted(asked) == sorted(replies)
        assert sorted(p.name for p in folder.iterdir()) == sorted(replies)
        for name, body in replies.items():
            assert (folder / name).read_bytes() == body
            assert [t for t in told if t[0] == name][-1] == (name, len(body), len(body))
        asked.clear()
        download_fashion_mnist(folder, base_url=url)
        assert asked == []


def test_download_replaces_only_what_is_damaged(contents, tmp_path):
    folder = write(tmp_path / "data", contents)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"damaged")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    asked = []
    with server(serving(zipped(contents), asked)) as url:
        download_fashion_mnist(folder, base_url=url + "/")
    assert sorted(asked) == ["t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert len(fashion_mnist("train", folder).labels) == 6
    assert len(fashion_mnist("test", folder).labels) == 3


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (404, Missing, "the server answered 404"),
        (503, Missing, "the server answered 503"),
        ((b"cut", 1000), Missing, "broke off after 3 of 1000 bytes|IncompleteRead"),
        (b"<html>please log in</html>", StorageError, "log-in page"),
        (gzip.compress(b"other", mtime=0), StorageError, "not the expected t10k-images"),
        ((gzip.compress(b"other", mtime=0)[:-3], None), StorageError, "nothing was kept"),
    ],
)
def test_failed_downloads_leave_nothing_behind(contents, tmp_path, reply, error, message):
    replies = zipped(contents) | {"t10k-images-idx3-ubyte.gz": reply}
    folder = tmp_path / "data"
    with server(serving(replies)) as url, pytest.raises(error, match=message) as caught:
        download_fashion_mnist(folder, base_url=url)
    assert "apt-get install dataset-fashion-mnist" in str(caught.value)
    assert sorted(p.name for p in folder.iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]


def test_no_network(contents, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Missing, match=r"Could not download .*no connection") as caught:
            download_fashion_mnist(tmp_path / "data", base_url=url)
    assert "THEORYLAB_DATA" in str(caught.value)


def test_a_silent_server_is_given_up(contents, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Missing, match="timed out"):
            download_fashion_mnist(tmp_path / "data", base_url=url, timeout=0.1)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_written(contents, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="Cannot write into"):
        download_fashion_mnist(tmp_path / "file" / "below", base_url="http://127.0.0.1:9")


def test_looking_loads_nothing_heavy():
    code = (
        "import sys; from theorylab.images import datasets as d; d.checksum('fashion-mnist'); "
        "d.locate('digits'); "
        "print([m for m in ('torch', 'numpy', 'sklearn', 'urllib.request') if m in sys.modules])"
    )
    root = Path(datasets.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
