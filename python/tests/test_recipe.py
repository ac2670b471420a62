"""The recipe: its published schema, and the same bits from it in every process."""

import json
import os
import re
import subprocess
import sys
import warnings
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import recipes
from test_maximize import one_thread

import phosphene as ph
from phosphene._vision.maximization.picture_files import read_recipe
from phosphene._vision.maximization.render import render

__all__ = ["one_thread"]  # pytest finds the fixture here

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = {"objectives": [{"terms": [{"kind": "logit", "index": 8}]}], "steps": 1}
PACKAGE = {"start", "engine", "labels", "scores", "shown"}
"""What the Python package writes beside what the engine knows."""


@pytest.fixture(scope="module")
def schema():
    return json.loads((files("phosphene") / "data/recipe.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def pictures():
    """A picture with each option there is, by name."""
    ph.set_threads(1)
    return recipes.pictures()


@pytest.fixture(scope="module")
def stored(pictures, tmp_path_factory):
    """The same pictures in PNG files, by name."""
    folder = tmp_path_factory.mktemp("recipes")
    return {name: picture.save(folder / f"{name}.png") for name, picture in pictures.items()}


@pytest.fixture(scope="module")
def written(stored):
    """The recipes in the files."""
    return {name: read_recipe(path) for name, path in stored.items()}


def variants(schema):
    """Return the options that have a kind: where they stand, and the schema of each kind."""
    options = schema["properties"]
    terms = schema["$defs"]["objective"]["properties"]["terms"]["items"]
    return {
        # The last one leaves the kind out, which no picture's recipe does.
        "parametrization": options["parametrization"]["oneOf"][:-1],
        "transforms": options["transforms"]["items"]["oneOf"],
        "regularizers": options["regularizers"]["items"]["oneOf"],
        "optimizer": options["optimizer"]["oneOf"],
        "terms": terms["oneOf"],
    }


def with_option(place, option):
    """Return a recipe with an option that has a kind."""
    if place == "terms":
        return MINIMAL | {"objectives": [{"terms": [option]}]}
    if option["kind"] == "alpha":
        return MINIMAL | {"transparency": "optimized", place: [option]}
    return MINIMAL | {place: option if place in ("parametrization", "optimizer") else [option]}


def kinds_in(recipe):
    """Return the options of a recipe that have a kind, as pairs of their place and themselves."""
    for place in ("parametrization", "optimizer"):
        yield place, recipe[place]
    for place in ("transforms", "regularizers"):
        yield from ((place, each) for each in recipe[place])
    for objective in recipe["objectives"]:
        yield from (("terms", each) for each in objective["terms"])


def test_every_recipe_fits_the_schema(schema, written):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:phosphene:recipe:1"  # the 1 of phosphene-recipe/1
    validator = jsonschema.Draft202012Validator(schema)
    for name, recipe in written.items():
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(recipe)]
        assert not errors, name
    broken = written["wardrobe-defaults"] | {"stepz": 3}
    assert not validator.is_valid(broken)
    assert not validator.is_valid(MINIMAL | {"optimizer": {"kind": "adam", "momentum": 0.9}})
    assert validator.is_valid(MINIMAL)


def test_every_option_of_the_schema_is_written_by_some_recipe(schema, written):
    """So none is in the schema alone, and `recipes` has each."""
    top = set().union(*written.values())
    assert set(schema["properties"]) - top == {"budget_s"}  # which becomes a number of steps
    seen = {}
    for recipe in written.values():
        for place, option in kinds_in(recipe):
            seen.setdefault((place, option["kind"]), set()).update(option)
    for place, each in variants(schema).items():
        for variant in each:
            kind = variant["properties"]["kind"]["const"]
            missing = set(variant["properties"]) - seen[place, kind] - {"output"}
            assert not missing - ({"pre_activation"} if place == "terms" else set()), (place, kind)


def test_every_option_of_the_page_is_in_the_schema_and_the_other_way_round(schema):
    page = (ROOT / "python/docs/recipe.md").read_text("utf-8")
    table = page[page.index("## Recipe") :]
    names = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert names == set(schema["properties"]) - PACKAGE
    kinds = {(m[1], m[2]) for m in re.finditer(r'(\{"kind": "(\w+)")', page)}
    stated = {kind for _, kind in kinds}
    for place, each in variants(schema).items():
        if place != "terms":
            assert {variant["properties"]["kind"]["const"] for variant in each} <= stated, place
    terms = set(re.findall(r"^\| `(\w+)` \| `?(?:layer|index)", page, re.MULTILINE))
    assert terms == {each["properties"]["kind"]["const"] for each in variants(schema)["terms"]}


def test_defaults_are_the_engine_s(schema):
    model = recipes.models()["wardrobe"]
    made = render(model, dict(MINIMAL), progress=False).recipe
    for name, option in schema["properties"].items():
        if "default" in option:
            assert made[name] == pytest.approx(option["default"]), name
    for place in ("parametrization", "optimizer"):
        for variant in variants(schema)[place]:
            options = variant["properties"]
            bare = {"kind": options["kind"]["const"]}
            full = render(model, with_option(place, bare), progress=False).recipe[place]
            for name, option in options.items():
                if "default" in option:
                    assert full[name] == pytest.approx(option["default"], rel=1e-6), (bare, name)


def beyond(option):
    """Return numbers just outside the range that a schema states."""
    step = 1 if option["type"] == "integer" else 0.001 * max(1, abs(option.get("maximum", 1)))
    ends = [(option.get("minimum"), -step), (option.get("maximum"), step)]
    return [end + by for end, by in ends if end is not None]


def bases(schema):
    """Return for each option with a kind its place, its schema and an example of it."""
    for place, each in variants(schema).items():
        for variant in each:
            options = variant["properties"]
            base = {"kind": options["kind"]["const"]}
            for name in variant["required"]:
                if "minimum" in options[name]:
                    base[name] = options[name]["minimum"]
            if place == "terms":
                base |= {"layer": "conv1"} if "layer" in options else {}
                base |= {"vector": [1.0] * 24} if "vector" in options else {}
            if base["kind"] not in ("match", "distance"):  # which need arrays
                yield place, options, base


def outside(schema):
    """Return recipes with one number each that is outside its range."""
    for name, option in schema["properties"].items():
        if option.get("type") in ("integer", "number") and name not in PACKAGE:
            for value in beyond(option):
                yield f"{name} {value}", MINIMAL | {name: value}
    for place, options, base in bases(schema):
        for name, option in options.items():
            if option.get("type") in ("integer", "number"):
                for value in beyond(option):
                    yield f"{base} {name} {value}", with_option(place, base | {name: value})


def test_the_engine_takes_what_the_schema_does(schema):
    validator = jsonschema.Draft202012Validator(schema)
    model = recipes.models()["wardrobe"]
    for place, _, base in bases(schema):
        recipe = with_option(place, base)
        assert validator.is_valid(recipe), base
        recipe = recipe | {"count": 2} if base["kind"] == "diversity" else recipe
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ph.PhospheneWarning)
            render(model, recipe, progress=False)


def test_the_engine_refuses_what_the_schema_does(schema):
    validator = jsonschema.Draft202012Validator(schema)
    model = recipes.models()["wardrobe"]
    taken, tried = [], 0
    for what, recipe in outside(schema):
        assert not validator.is_valid(recipe), what
        tried += 1
        try:
            render(model, recipe, progress=False)
        except ph.PhospheneError:
            continue
        taken.append(what)
    assert not taken
    assert tried > 60


WHOLE = {
    "objectives": [
        {
            "terms": [
                {"kind": "neuron", "layer": "conv1", "index": 2, "position": [3, 4]},
                {"kind": "logit", "index": 8, "weight": 2},
                {"kind": "direction", "layer": "conv1", "vector": [1.0] * 24, "cosine_power": 1},
                {
                    "kind": "match",
                    "layer": "conv1",
                    "activations": {"shape": [1], "float32": "AACAPw=="},
                },
            ]
        }
    ],
    "stages": [{"size": [28, 28], "steps": 1}],
    "parametrization": {
        "kind": "natural",
        "prior": {"mean": [0.5], "axes": [[1]], "spectrum": [[0, -1, 0, 0, 0]]},
    },
    "transforms": [{"kind": "jitter", "pixels": 1}, {"kind": "flip"}],
    "regularizers": [{"kind": "total_variation", "weight": 1, "power": 2}],
    "optimizer": {"kind": "sgd", "nesterov": True},
    "mask": {"shape": [1, 1, 1], "float32": "AACAPw=="},
    "given": {},
    "input": {"scale": [1], "offset": [0], "reverse_channels": False},
}
"""A recipe with every kind of object that there is."""


def objects(document, place=()):
    """Return all objects of a document that have names of options, as paths to them."""
    if isinstance(document, dict):
        if place != ("given",):
            yield place
        for name, each in document.items():
            yield from objects(each, (*place, name))
    elif isinstance(document, list):
        for index, each in enumerate(document):
            yield from objects(each, (*place, index))


@pytest.mark.parametrize("place", list(objects(WHOLE)), ids=lambda place: "-".join(map(str, place)))
def test_a_misspelt_name_is_refused_wherever_it_stands(schema, place):
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(WHOLE)
    document = json.loads(json.dumps(WHOLE))
    target = document
    for step in place:
        target = target[step]
    target["wieght"] = 1
    assert not validator.is_valid(document)
    where = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place)
    sentence = "there is no option 'wieght'" + (f" in {where[1:]}" if where else "")
    with pytest.raises(ph.InvalidArgumentError, match=re.escape(sentence)):
        render(recipes.models()["wardrobe"], document, progress=False)


def test_the_engine_takes_what_saved_pictures_carry(schema, written):
    carried = {key: written["wardrobe-start"].get(key, [0]) for key in PACKAGE}
    picture = render(recipes.models()["wardrobe"], MINIMAL | carried, progress=False)
    assert not PACKAGE & (set(picture.recipe) - {"engine"})
    with pytest.raises(ph.InvalidArgumentError, match="'stepz'; the nearest is 'steps'"):
        render(recipes.models()["wardrobe"], MINIMAL | {"stepz": 3}, progress=False)


def test_names_that_belong_to_another_kind_are_refused(schema):
    """For each option of each kind: what the schema takes, the engine takes, and nothing else."""
    model = recipes.models()["wardrobe"]
    validator = jsonschema.Draft202012Validator(schema)
    for place, each in variants(schema).items():
        names = {name for variant in each for name in variant["properties"]}
        for variant in each:
            kind, known = variant["properties"]["kind"]["const"], variant["properties"]
            for name in sorted(names - set(known) - {"prior"}):
                document = with_option(place, {"kind": kind, name: None})
                assert not validator.is_valid(document)
                sentence = f"no option '{name}' in .*{kind}"
                with pytest.raises(ph.InvalidArgumentError, match=sentence):
                    render(model, document, progress=False)
            for name in known:
                # Wrong all the same, so that nothing is rendered.
                document = with_option(place, {"kind": kind, name: {}} | {"kind": kind})
                with pytest.raises(ph.PhospheneError) as caught:
                    render(model, document | {"steps": 0}, progress=False)
                assert "no option" not in str(caught.value), (place, kind, name)


def test_the_schema_has_no_kind_that_the_engine_doesn_t_know(schema):
    model = recipes.models()["wardrobe"]
    for place in variants(schema):
        with pytest.raises(ph.InvalidArgumentError):
            render(model, with_option(place, {"kind": "unheard_of"}), progress=False)


@pytest.mark.parametrize("threads", [1, 2])
def test_replay_is_bit_equal_in_another_process(pictures, stored, threads, tmp_path):
    folder = next(iter(stored.values())).parent
    if threads > 1:
        ph.set_threads(threads)
        pictures, folder = recipes.pictures(), tmp_path
        for name, picture in pictures.items():
            picture.save(folder / f"{name}.png")
    path = {"PYTHONPATH": str(Path(ph.__file__).parents[1])}
    finished = subprocess.run(
        [sys.executable, "-W", "error", recipes.__file__, str(folder), str(threads)],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    received = dict(line.rsplit(" ", 1) for line in finished.stdout.splitlines())
    assert received == {name: recipes.digest(picture) for name, picture in pictures.items()}


def test_replay_is_bit_equal_here_and_says_the_same(pictures, stored, written):
    networks = recipes.models()
    for name, picture in pictures.items():
        again = ph.replay(stored[name], networks[name.split("-")[0]], progress=False)
        assert recipes.digest(again) == recipes.digest(picture), name
        assert again.recipe == picture.recipe, name
        saved = {"labels": list(again.labels), "scores": list(again.scores)}
        assert again.recipe | saved == written[name], name


def test_a_recipe_is_enough_without_python(pictures):
    """What the engine is given beside the start is in the document."""
    picture = pictures["wardrobe-several"]
    document = {key: each for key, each in picture.recipe.items() if key not in PACKAGE}
    again = render(recipes.models()["wardrobe"], document, progress=False)
    np.testing.assert_array_equal(again.input, picture.input)
