"""Files that are there as a whole or not at all, whatever happens while they are written."""

import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import phosphene as ph
from phosphene._files import make_folder, replacing, write_file, write_text
from phosphene._vision.stores import read_npz, write_npz


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def a_full_disk(largest):
    """Let the system refuse to make files larger than so many bytes, as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "made" / "for it" / "a.txt"
    assert write_text(path, "grün") == path
    assert path.read_bytes() == "grün".encode()
    assert names(path.parent) == ["a.txt"]


def test_an_earlier_file_is_replaced(tmp_path):
    path = tmp_path / "a.bin"
    assert write_file(path, b"long before") == write_file(path, b"now") == path
    assert path.read_bytes() == b"now"
    assert names(tmp_path) == ["a.bin"]


def test_the_earlier_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = write_file(tmp_path / "a.bin", b"before")
    with replacing(path) as file:
        file.write(b"now")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"now"


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_rights_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        path = write_file(tmp_path / "a.bin", b"now")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_names_may_be_as_long_as_the_system_has_them(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    assert write_file(tmp_path / ("x" * longest), b"now").read_bytes() == b"now"
    with pytest.raises(ph.ModelFileError, match="File name too long"):
        write_file(tmp_path / ("x" * (longest + 1)), b"now")
    assert names(tmp_path) == ["x" * longest]


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError, ph.UnsupportedError])
def test_what_is_broken_off_leaves_what_was_there(tmp_path, reason):
    path = write_file(tmp_path / "a.bin", b"before")

    def broken_off():
        with replacing(path) as file:
            file.write(b"half")
            raise reason("stop")

    with pytest.raises(reason, match="stop"):
        broken_off()
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["a.bin"]


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = write_file(tmp_path / "a.bin", b"before")
    sentence = r"^Can't write '.*a\.bin': File too large\. Make room or choose another place\.$"
    with a_full_disk(100_000), pytest.raises(ph.ModelFileError, match=sentence):
        write_file(path, bytes(100_001))
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["a.bin"]


def test_a_full_disk_leaves_the_arrays_that_were_there(tmp_path):
    path = write_npz(tmp_path / "a.npz", {"x": np.arange(3)})
    with a_full_disk(100_000), pytest.raises(ph.ModelFileError, match="Make room"):
        write_npz(path, {"x": np.zeros(50_000)})
    np.testing.assert_array_equal(read_npz(path, "x"), [0, 1, 2])
    assert names(tmp_path) == ["a.npz"]


def test_a_killed_process_leaves_what_was_there(tmp_path):
    path = write_file(tmp_path / "a.bin", b"before")
    code = (
        "import os, pathlib, signal, sys\n"
        "from phosphene._files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(ph.__file__).parents[1])}
    killed = subprocess.run([sys.executable, "-c", code, path], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"before"


def test_threads_may_write_to_one_place(tmp_path):
    path = tmp_path / "a.bin"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_file, args=(path, each)) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert names(tmp_path) == ["a.bin"]


def test_places_that_can_t_be_written_to_are_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    advice = r"Choose a place that may be written to\.$"
    with pytest.raises(ph.ModelFileError, match=rf"^Can't write '.*a\.bin': .*\. {advice}"):
        write_file(tmp_path / "file" / "deep" / "a.bin", b"now")
    with pytest.raises(ph.ModelFileError, match=rf"^Can't write '.*': Is a directory\. {advice}"):
        write_file(tmp_path / "folder", b"now")
    with pytest.raises(ph.ModelFileError, match=rf"^Can't make the folder '.*deep': .* {advice}"):
        make_folder(tmp_path / "file" / "deep")
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("name", ["victim\0.safetensors", "victim\ud800.safetensors"])
def test_names_that_no_file_has_are_refused(tmp_path, name):
    victim = write_file(tmp_path / "victim", b"stays")
    model = ph.zoo.wardrobe()
    refusals = [
        lambda: model.save(tmp_path / name),
        lambda: write_file(tmp_path / name, b"new"),
        lambda: make_folder(tmp_path / name),
        lambda: ph.load(tmp_path / name),
    ]
    for refused in refusals:
        with pytest.raises(ph.InvalidArgumentError, match="can't be called"):
            refused()
    assert victim.read_bytes() == b"stays"
    assert list(tmp_path.iterdir()) == [victim]
