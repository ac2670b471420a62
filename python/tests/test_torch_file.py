"""PyTorch's older weight files: read as arrays, and whatever else they want is refused."""

import collections
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest

import phosphene as ph
from phosphene._zoo.torch_file import read_torch_file

MAGIC = 0x1950A86A20F9469CFC6C


class Storage:
    """What the writer's pickler takes for a storage of PyTorch."""

    def __init__(self, key, numbers, kind="FloatStorage", count=None):
        self.key, self.numbers, self.kind = key, np.asarray(numbers), kind
        self.count = self.numbers.size if count is None else count


class Tensor:
    """What is pickled as PyTorch pickles a tensor: shape and strides over a storage."""

    def __init__(self, storage, shape, strides, offset=0):
        self.parts = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


class Call:
    """What is pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = getattr(sys.modules["torch"], value.kind)
        return ("storage", kind, value.key, "cpu", value.count, None)


@pytest.fixture
def torch_names(monkeypatch):
    """Modules under the names that a file mentions, for the standard library to write it."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "QInt8Storage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def rebuild():
        raise AssertionError("nothing calls it")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


@pytest.fixture
def write(tmp_path, torch_names):
    """Return a function that writes a file as ``torch.save`` of 1.5 (_legacy_save) does."""

    def write(
        tensors, storages=(), *, magic=MAGIC, version=1001, system=None, protocol=2, tail=b""
    ):
        path = tmp_path / "weights.pth"
        keys = [storage.key for storage in storages]
        system = system or {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
        with path.open("wb") as file:
            for each in (magic, version, system, tensors, keys):
                Pickler(file, protocol=protocol).dump(each)
            for storage in storages:
                file.write(storage.numbers.size.to_bytes(8, "little") + storage.numbers.tobytes())
            file.write(tail)
        return path

    return write


@pytest.fixture
def good(write):
    """A file of three tensors, of which two share a storage."""
    floats = Storage("7", np.arange(12, dtype="<f4"))
    count = Storage("8", np.array([3], "<i8"), "LongStorage")
    tensors = collections.OrderedDict(
        plain=Tensor(floats, (2, 3), (3, 1)),
        turned=Tensor(floats, (3, 2), (1, 3), offset=6),
        count=Tensor(count, (), ()),
    )
    tensors._metadata = {"": {"version": 1}}
    return write(tensors, [floats, count])


def refused(path, sentence):
    with pytest.raises(ph.ModelFileError, match=sentence) as caught:
        read_torch_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tensors_are_read(good):
    tensors = read_torch_file(good)
    assert list(tensors) == ["plain", "turned", "count"]
    np.testing.assert_array_equal(tensors["plain"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(tensors["turned"], [[6, 9], [7, 10], [8, 11]])
    assert (tensors["count"], tensors["count"].shape) == (3, ())
    assert tensors["plain"].dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        tensors["plain"][0] = 0


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["magic", "version", "system", "tensors", "key", "inside"])
def test_a_call_of_the_system_is_refused_before_anything_runs(write, tmp_path, place, protocol):
    harmed = tmp_path / "harmed"
    attack = Call(os.system, f"touch {harmed}")
    pickle.loads(pickle.dumps(attack))  # the attack works where a pickle is trusted
    assert harmed.exists()
    harmed.unlink()
    if place == "inside":
        tensors = {"a": Tensor(Storage("1", np.zeros(2, "<f4")), (2,), (attack,))}
        path = write(tensors, protocol=protocol)
    elif place == "key":
        path = write({}, [Storage(attack, np.zeros(2, "<f4"))], protocol=protocol)
    else:
        path = write(**{"tensors": {}, place: attack}, protocol=protocol)
    refused(path, r"wants to use 'posix\.system', which is no part of a tensor; nothing was run")
    assert not harmed.exists()


@pytest.mark.parametrize("function", [eval, exec, getattr, __import__, open, bytearray])
def test_builtins_are_refused_by_name(write, function):
    refused(
        write({"a": Call(function, "1")}), rf"'(__builtin__|builtins|_?io)\.{function.__name__}'"
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("INST", b"(ios\nsystem\n."),
        ("STRING", b"S'text'\n."),
        ("PERSID", b"Pname\n."),
        ("OBJ", b"(]o."),
        ("NEWOBJ", b"\x80\x02])\x81."),
        ("EXT1", b"\x80\x02\x82\x01."),
        ("DUP", b"]2."),
        ("BYTEARRAY8", b"\x96" + bytes(8) + b"."),
    ],
)
def test_other_instructions_are_refused_by_name(tmp_path, name, code):
    path = tmp_path / "weights.pth"
    path.write_bytes(code)
    refused(path, rf"the pickle instruction {name}, which no tensor needs")


def test_attributes_of_functions_are_left_alone(write):
    class WithState:
        def __reduce__(self):
            return collections.OrderedDict, (), {"a": 1}

    assert read_torch_file(write(WithState())) == {}  # dropped
    code = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b."
    refused(_written(write, code), "attributes of what is no dictionary")


def _written(write, code):
    path = write({})
    path.write_bytes(code)
    return path


def test_known_names_are_called_only_as_a_tensor_needs(write):
    refused(write({"a": Call(collections.OrderedDict, [("b", 1)])}), "arguments that no tensor has")
    rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
    refused(write({"a": Call(rebuild, 1, 2, 3, 4)}), "arguments that no tensor has")
    refused(write({"a": Call(rebuild)}), "damaged")
    refused(_written(write, b"\x80\x02]]R."), "arguments that no tensor has")


def test_what_is_no_tensor_is_named(write):
    refused(write({"epoch": 3}), "holds 'epoch', which is no tensor")
    refused(write([1, 2]), "no weight file")
    half = Storage("1", np.zeros(2, "<f4"), "QInt8Storage")
    refused(write({"a": Tensor(half, (2,), (1,))}, [half]), r"'torch\.QInt8Storage'")


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((2, 2), (3, 1), 0),
        ((2,), (-1,), 1),
        ((2,), (1,), -1),
        ((-2,), (1,), 0),
        ((10**12,), (0,), 0),
        ((4, 4), (0, 0), 0),
        ((2,), (1, 1), 0),
        ((2**63,), (1,), 0),
        ((1,) * 40, (1,) * 40, 0),
        ((2.0,), (1,), 0),
        ((True,), (1,), 0),
    ],
)
def test_shapes_that_leave_the_numbers_are_refused(write, shape, strides, offset):
    four = Storage("1", np.zeros(4, "<f4"))
    path = write({"a": Tensor(four, shape, strides, offset)}, [four])
    refused(path, "the tensor 'a' (has an impossible shape|reaches past its numbers)")


def test_counts_that_differ_are_refused(write):
    storage = Storage("1", np.zeros(4, "<f4"), count=2)
    refused(write({"a": Tensor(storage, (2,), (1,))}, [storage]), "2 numbers states 4")
    huge = Storage("1", np.zeros(4, "<f4"), count=2**40)
    refused(write({"a": Tensor(huge, (2,), (1,))}, [huge]), "damaged")
    same = [Storage("1", np.zeros(4, "<f4")), Storage("1", np.zeros(4, "<i8"), "LongStorage")]
    both = {name: Tensor(each, (4,), (1,)) for name, each in zip("ab", same, strict=True)}
    refused(write(both, same[:1]), "don't belong together")
    refused(write({"a": Tensor(same[0], (4,), (1,))}), "don't belong together")
    refused(write({"a": Tensor(same[0], (4,), (1,))}, same[:1], tail=b"x"), "after its last number")
    refused(write({}, system={"little_endian": False}), "big-endian")
    refused(write({}, version=1002), "magic number")


def test_what_refers_to_itself_ends(write):
    """Each list holds the one before twice: small in the file, never written out."""
    item = []
    for _ in range(200):
        item = [item, item]
    refused(write({"a": item}), "holds 'a', which is no tensor")


def test_files_cut_anywhere_are_refused(good):
    data = good.read_bytes()
    for length in range(0, len(data), 3):
        good.write_bytes(data[:length])
        refused(good, "damaged|refused|nothing was run|no tensor")


def test_any_byte_may_be_wrong(good):
    """A number may change unseen (hence the digits in file names); all else is one sentence."""
    data = good.read_bytes()
    random = np.random.default_rng(0)
    for place in range(len(data)):
        flip = int(random.integers(1, 256))
        good.write_bytes(data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :])
        try:
            tensors = read_torch_file(good)
        except ph.ModelFileError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert all(isinstance(each, np.ndarray) for each in tensors.values())


def test_digits_in_the_name_are_compared(good):
    wrong = good.rename(good.with_name("net-01234567.pth"))
    refused(wrong, "its SHA-256 doesn't begin with 01234567")


def test_other_files_are_refused(tmp_path):
    refused(tmp_path / "missing.pth", "No such file")
    refused(tmp_path, "can't be read")
    path = tmp_path / "weights.pth"
    for content in (b"", b"text", bytes(100), b"\x80\x02" * 50, b"\x8a\xff" + bytes(30)):
        path.write_bytes(content)
        refused(path, "damaged or no weight file")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"")
    refused(path, "newer format")
