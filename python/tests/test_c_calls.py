"""What C callers may get wrong: each ends in a status and a sentence, none in a crash."""

import json
import random

import pytest

import phosphene as ph
from phosphene._ffi import ffi, lib

LOGIT = {"objectives": [{"terms": [{"kind": "logit", "index": 1}]}], "steps": 1}
STEP = json.dumps(LOGIT).encode()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def message():
    return ffi.string(lib.ph_last_error_message()).decode()


def made(kind, function, *arguments):
    """Return a handle of a kind of object."""
    out = ffi.new(f"ph_{kind} **")
    assert function(*arguments, out) == lib.PH_OK, message()
    return out[0]


class Array:
    """A C array, with the memory that it describes."""

    def __init__(self, *shape, dtype=lib.PH_FLOAT32):
        count = 1
        for length in shape:
            count *= length
        self.memory = ffi.new("char[]", 4 * max(count, 1))
        self.lengths = ffi.new("int64_t[]", shape or 1)
        self.pointer = ffi.new("ph_array *")
        self.pointer.data, self.pointer.dtype = self.memory, dtype
        self.pointer.rank, self.pointer.shape = len(shape), self.lengths


@pytest.fixture(scope="module")
def handles(tmp_path_factory):
    """One handle of each kind."""
    path = tmp_path_factory.mktemp("c") / "wardrobe.safetensors"
    ph.zoo.wardrobe().save(path)
    image = Array(1, 28, 28, 1)
    model = made("model", lib.ph_model_open, str(path).encode(), 0)
    config = lib.ph_model_config_json(model)
    found = {
        "architecture": made("architecture", lib.ph_architecture_create, config),
        "model": model,
        "plan": made("plan", lib.ph_plan_create, model, b"{}", image.pointer, 1),
        "picture": made("picture", lib.ph_maximize, model, STEP, *[ffi.NULL] * 3),
    }
    yield found
    for kind, handle in found.items():
        getattr(lib, f"ph_{kind}_destroy")(handle)


KINDS = ["architecture", "model", "plan", "picture"]

GETTERS = {
    "ph_architecture_json": "architecture",
    "ph_model_json": "model",
    "ph_model_config_json": "model",
    "ph_model_metadata_json": "model",
    "ph_model_digest": "model",
    "ph_plan_json": "plan",
    "ph_plan_output_count": "plan",
    "ph_picture_json": "picture",
}


def article(kind):
    return "an architecture" if kind == "architecture" else f"a {kind}"


@pytest.mark.parametrize("getter", GETTERS)
def test_getters_say_why_they_return_nothing(handles, getter):
    kind = GETTERS[getter]
    ask = getattr(lib, getter)
    assert ask(handles[kind])
    assert not ask(ffi.NULL)
    assert message() == f"{kind} is NULL"
    for other in set(KINDS) - {kind}:
        assert not ask(ffi.cast(f"ph_{kind} *", handles[other]))
        assert message() == f"{kind} is {article(other)}'s handle; expected {article(kind)}'s"


@pytest.mark.parametrize("wrong", ["architecture", "plan", "picture"])
def test_handles_of_other_kinds_are_no_models(handles, wrong):
    sentence = f"model is {article(wrong)}'s handle; expected a model's"
    wrong = ffi.cast("ph_model *", handles[wrong])
    image, out = Array(1, 28, 28, 1), Array(1)
    calls = [
        (lib.ph_plan_create, wrong, b"{}", image.pointer, 1, ffi.new("ph_plan **")),
        (lib.ph_maximize, wrong, STEP, *[ffi.NULL] * 3, ffi.new("ph_picture **")),
        (lib.ph_model_save, wrong, b"/dev/null"),
        (lib.ph_model_with_precision, wrong, b"bfloat16", ffi.new("ph_model **")),
        (lib.ph_model_weight, wrong, b"conv1/kernel", out.pointer),
    ]
    for function, *arguments in calls:
        assert function(*arguments) == lib.PH_INVALID_ARGUMENT
        assert message() == sentence
    models = ffi.new("ph_model *[]", [wrong])
    paths = ffi.new("char *[]", [name := ffi.new("char[]", b"a")])
    status = lib.ph_model_join(
        handles["architecture"], paths, models, 1, ffi.NULL, ffi.new("ph_model **")
    )
    assert (status, message()) == (
        lib.PH_INVALID_ARGUMENT,
        sentence.replace("model", "models[0]", 1),
    )
    del name


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_destroyed_or_never_made_is_no_handle(handles, kind):
    sentence = f"{kind} is no handle, or was destroyed before; expected {article(kind)}'s"
    memory = ffi.new("char[]", 64)
    destroy = getattr(lib, f"ph_{kind}_destroy")
    for address in (memory, memory + 3, 1, 12345, 2**64 - 16):
        pointer = ffi.cast(f"ph_{kind} *", ffi.cast("uintptr_t", address))
        for getter in [each for each, of in GETTERS.items() if of == kind]:
            assert not getattr(lib, getter)(pointer)
            assert message() == sentence
        lib.ph_set_threads(-1)
        destroy(pointer)
        assert message() == sentence
    for other in set(KINDS) - {kind}:
        destroy(ffi.cast(f"ph_{kind} *", handles[other]))
        assert message() == f"{kind} is {article(other)}'s handle; expected {article(kind)}'s"
    assert lib.ph_picture_json(handles["picture"])  # still there


def test_models_are_destroyed_once(handles):
    model = made("model", lib.ph_model_with_precision, handles["model"], b"bfloat16")
    for _ in range(2):
        lib.ph_model_destroy(model)
        assert not lib.ph_model_json(model)
    assert message() == "model is no handle, or was destroyed before; expected a model's"
    # What comes next has another handle.
    after = made("model", lib.ph_model_with_precision, handles["model"], b"bfloat16")
    assert after != model
    lib.ph_model_destroy(after)


def test_what_a_callback_was_shown_is_gone_afterwards(handles):
    kept, statuses = ffi.new("ph_progress *"), []

    @ffi.callback("int32_t(void *, const ph_progress *)")
    def callback(_, progress):
        kept[0] = progress[0]
        out = ffi.new("ph_picture **")
        statuses.append(lib.ph_progress_picture(progress, out))
        lib.ph_picture_destroy(out[0])
        return 0

    picture = made("picture", lib.ph_maximize, handles["model"], STEP, ffi.NULL, callback, ffi.NULL)
    lib.ph_picture_destroy(picture)
    assert statuses == [lib.PH_OK]
    out = ffi.new("ph_picture **")
    assert lib.ph_progress_picture(kept, out) == lib.PH_INVALID_ARGUMENT
    assert message() == (
        "progress.pictures is no handle, or was destroyed before; expected a running progress "
        "callback's"
    )


STRANGE = [
    None, True, 0, -1, 3, 1.5, -0.5, 1e308, 1e-320, 2**31, 2**63 - 1, -(2**63), 2**64, "", "x",
    "NaN", [], {}, [[]], [{}], [1, 2, 3], [2**40] * 8, {"kind": "x"}, float("nan"), float("inf"),
    "\0", "é" * 10, {"shape": [2**62, 4], "float32": ""}, "a" * 5000,
]  # fmt: skip

RECIPE = LOGIT | {
    "steps": 2,
    "size": [28, 28],
    "count": 2,
    "parametrization": {"kind": "fourier", "decay_power": 1, "decorrelate": True},
    "transforms": [{"kind": "jitter", "pixels": 2}, {"kind": "crop", "first": 0.9, "last": 0.5}],
    "regularizers": [{"kind": "lp", "weight": 0.1, "p": 6}, {"kind": "statistics", "weight": 1}],
    "optimizer": {"kind": "nadam", "learning_rate": 1},
    "input": {"scale": [0.004], "offset": [0], "reverse_channels": False},
    "frames": 2,
    "transparency": True,
}
REQUESTS = [
    {"outputs": ["conv1", {"path": "relu1", "pre_activation": True}], "exact": True},
    {"gradient": {"objective": LOGIT["objectives"][0], "at": "conv1", "rule": "guided"}},
    {"gradient": {"cotangent": "conv1"}, "inputs": ["image"]},
]


def spoilt(chance, document):
    """Return a document with a few places changed."""
    document = json.loads(json.dumps(document))
    for _ in range(chance.choice([1, 1, 2, 3])):
        places = []
        rest = [document]
        while rest:
            node = rest.pop()
            items = node.items() if isinstance(node, dict) else enumerate(node)
            places += [(node, key) for key, _ in items]
            rest += [node[key] for key, _ in items if isinstance(node[key], (dict, list))]
        if not places:
            break
        node, key = chance.choice(places)
        if chance.random() < 0.8:
            node[key] = json.loads(json.dumps(chance.choice(STRANGE)))
        elif isinstance(node, dict) and chance.random() < 0.5:
            node["again"] = node[key]
        else:
            del node[key]
    text = json.dumps(document).encode()
    return text[: chance.randrange(len(text))] if chance.random() < 0.03 else text


@pytest.mark.parametrize("seed", range(4))
def test_spoilt_documents_end_in_a_sentence(handles, seed):
    chance = random.Random(seed)
    image = Array(1, 28, 28, 1)
    model = handles["model"]
    config = json.loads(ffi.string(lib.ph_model_config_json(model)))
    refused = 0
    for _ in range(60):
        picture, plan, architecture = (
            ffi.new(f"ph_{kind} **") for kind in ("picture", "plan", "architecture")
        )
        request = spoilt(chance, chance.choice(REQUESTS))
        statuses = [
            lib.ph_maximize(model, spoilt(chance, RECIPE), *[ffi.NULL] * 3, picture),
            lib.ph_plan_create(model, request, image.pointer, chance.choice([0, 1, 2**63]), plan),
            lib.ph_architecture_create(spoilt(chance, config), architecture),
        ]
        for status, out in zip(statuses, (picture, plan, architecture), strict=True):
            assert status not in (lib.PH_INTERNAL, lib.PH_CANCELLED), message()
            assert (status == lib.PH_OK) == bool(out[0])
            refused += status != lib.PH_OK
        lib.ph_picture_destroy(picture[0])
        lib.ph_plan_destroy(plan[0])
        lib.ph_architecture_destroy(architecture[0])
    assert refused > 60
