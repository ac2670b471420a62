"""The same script against tf-keras-vis itself and against `phosphene.compat.tf_keras_vis`."""

import importlib
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import phosphene as ph

PARTS = {
    "activation_maximization": ["ActivationMaximization"],
    "activation_maximization.callbacks": ["Callback", "GifGenerator2D", "Progress"],
    "activation_maximization.input_modifiers": ["Jitter", "Rotate", "Rotate2D", "Scale"],
    "activation_maximization.regularizers": ["Norm", "Regularizer", "TotalVariation2D"],
    "gradcam": ["Gradcam", "GradcamPlusPlus"],
    "gradcam_plus_plus": [],
    "layercam": ["Layercam"],
    "saliency": ["Saliency"],
    "scorecam": ["ScoreCAM", "Scorecam"],
    "utils": ["find_layer", "get_num_of_steps_allowed", "listify", "normalize", "num_of_gpus"],
    "utils.callbacks": ["GifGenerator", "OptimizerCallback", "Print"],
    "utils.input_modifiers": [],
    "utils.losses": ["CategoricalLoss"],
    "utils.model_modifiers": [
        "ExtractIntermediateLayer",
        "GuidedBackpropagation",
        "ModelModifier",
        "ReplaceToLinear",
    ],
    "utils.scores": ["BinaryScore", "CategoricalScore", "InactiveScore", "Score"],
}


# What `dir` shows of each module of tf-keras-vis 0.8.7, without modules and what it takes from
# TensorFlow, NumPy, SciPy, Pillow and Python.
NAMES = {
    "": "ModelVisualization listify utils",
    "activation_maximization": "ActivationMaximization Jitter LegacyRegularizer ModelVisualization "
    "Norm Rotate2D TotalVariation2D callbacks get_input_names get_num_of_steps_allowed "
    "input_modifiers is_mixed_precision listify managed_callbacks regularizers",
    "activation_maximization.callbacks": "Callback GifGenerator2D PrintLogger Progress listify "
    "managed_callbacks",
    "activation_maximization.input_modifiers": "InputModifier Jitter Rotate Rotate2D Scale",
    "activation_maximization.regularizers": "Norm Regularizer TotalVariation2D",
    "gradcam": "Gradcam GradcamPlusPlus ModelModifier ModelVisualization is_mixed_precision "
    "normalize zoom_factor",
    "gradcam_plus_plus": "GradcamPlusPlus ModelModifier ModelVisualization is_mixed_precision "
    "normalize zoom_factor",
    "layercam": "Gradcam Layercam",
    "saliency": "ModelVisualization Saliency get_num_of_steps_allowed listify normalize",
    "scorecam": "ModelModifier ModelVisualization ScoreCAM Scorecam get_num_of_steps_allowed "
    "is_mixed_precision listify normalize zoom_factor",
    "utils": "MAX_STEPS check_steps find_layer get_input_names get_num_of_steps_allowed "
    "is_mixed_precision listify lower_precision_dtype model_modifiers normalize num_of_gpus "
    "regularizers standardize zoom_factor",
    "utils.callbacks": "GifGenerator GifGenerator2D OptimizerCallback Print",
    "utils.input_modifiers": "InputModifier Jitter Rotate Rotate2D",
    "utils.losses": "BinaryLoss CategoricalLoss InactiveLoss Loss",
    "utils.model_modifiers": "ExtractIntermediateLayer ExtractIntermediateLayerForGradcam "
    "GuidedBackpropagation ModelModifier ReplaceToLinear find_layer",
    "utils.regularizers": "L2Norm LegacyRegularizer Norm Regularizer TotalVariation "
    "TotalVariation2D",
    "utils.scores": "BinaryScore CategoricalScore InactiveScore Score listify",
}


@pytest.mark.parametrize("part", NAMES)
def test_every_module_has_the_names_of_the_real_one(part):
    module = importlib.import_module(f"phosphene.compat.tf_keras_vis.{part}".rstrip("."))
    assert [name for name in NAMES[part].split() if not hasattr(module, name)] == []


def test_the_listed_names_are_those_of_the_real_package(theirs):
    del theirs
    for part, names in NAMES.items():
        module = importlib.import_module(f"tf_keras_vis.{part}".rstrip("."))
        assert [name for name in names.split() if not hasattr(module, name)] == []


def imported(root):
    names = {}
    for part, wanted in PARTS.items():
        module = importlib.import_module(f"{root}.{part}")
        names.update({name: getattr(module, name) for name in wanted})
    return SimpleNamespace(**names)


ours = imported("phosphene.compat.tf_keras_vis")


@pytest.fixture(scope="module")
def theirs(keras):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("tf_keras_vis")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("tf-keras-vis needs the TensorFlow backend")
        return imported("tf_keras_vis")


@pytest.fixture(scope="module")
def models(keras):
    keras.utils.set_random_seed(5)
    layers = keras.layers
    image = layers.Input((16, 14, 3), name="image")
    first = layers.Conv2D(6, 3, activation="relu", name="first")(image)
    second = layers.Conv2D(8, 3, padding="same", name="second")(first)
    rectified = layers.ReLU(name="rectified")(layers.BatchNormalization(name="norm")(second))
    third = layers.Conv2D(5, 3, activation="relu", name="third")(layers.MaxPooling2D()(rectified))
    flat = layers.Flatten()(third)
    classes = layers.Dense(4, activation="softmax", name="classes")(flat)
    side = layers.Dense(1, activation="sigmoid", name="side")(flat)
    made = SimpleNamespace()
    made.single = keras.Model(image, classes, name="single")
    made.double = keras.Model(image, [classes, side], name="double")
    other = layers.Input((16, 14, 3), name="other")
    joined = layers.Conv2D(4, 3, name="joined")(layers.Concatenate()([image, other]))
    top = layers.Dense(3, name="top")(layers.Flatten()(joined))
    made.pair = keras.Model([image, other], top, name="pair")
    random = np.random.default_rng(2)
    for weight in made.double.weights + made.pair.weights:
        values = random.normal(0, 0.3, weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)
    return made


IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 16, 14, 3)).astype(np.float32)

pytestmark = pytest.mark.keras


def agree(theirs, run, tolerance=2e-5):
    """Run a script on both and compare what it returns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(3)
        expected = run(theirs)
    np.random.seed(3)
    received = run(ours)
    if not isinstance(expected, list):
        expected, received = [expected], [received]
    assert len(received) == len(expected)
    for one, other in zip(received, expected, strict=True):
        other = np.asarray(other)
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        scale = np.abs(other).max() or 1
        assert np.abs(np.asarray(one) - other).max() <= tolerance * scale


@pytest.mark.parametrize("offset", [None, "norm", "first"])
@pytest.mark.parametrize("part", ["conv", "norm", "nothing"])
def test_layers_are_searched_backwards(theirs, models, offset, part):
    def found(find, model, layer):
        start = None if offset is None else layer(offset)
        name = {"conv": ("first", "second", "third"), "norm": ("norm",)}.get(part, ())
        result = find(model, lambda each: each.name in name, offset=start)
        return None if result is None else result.name

    network = ours.Gradcam(models.single).model
    expected = found(theirs.find_layer, models.single, models.single.get_layer)
    assert found(ours.find_layer, network, network.get_layer) == expected


def third_class(output):
    return (output[0][2], output[1][0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keepdims": True, "normalize_map": False},
        {"gradient_modifier": None},
        {"smooth_samples": 3},
    ],
)
@pytest.mark.parametrize("guided", [False, True])
def test_saliency(theirs, models, options, guided):
    def run(tkv):
        changes = [tkv.ReplaceToLinear()] + [tkv.GuidedBackpropagation()] * guided
        return tkv.Saliency(models.single, changes)(tkv.CategoricalScore([1, 3]), IMAGES, **options)

    agree(theirs, run)


@pytest.mark.parametrize(
    "score",
    [
        lambda output: (output[0][2], output[1][0]),
        lambda output: output[:, 1],
        lambda output: output[:, 1] * 2 - output[:, 0] / (output[:, 2] + 1) - output[:, 3] ** 2,
        lambda output: [output[0, 1], output[1, 1]],
        lambda output: output[:, :2],
    ],
)
def test_scores_that_are_functions(theirs, models, score):
    agree(theirs, lambda tkv: tkv.Saliency(models.single)(score, IMAGES))
    agree(theirs, lambda tkv: tkv.Gradcam(models.single)(score, IMAGES))


def test_several_outputs_and_inputs(theirs, models):
    def outputs(tkv):
        return tkv.Saliency(models.double)(
            [tkv.CategoricalScore(1), tkv.BinaryScore([True, False])], IMAGES
        )

    def inactive(tkv):
        return tkv.Saliency(models.double)([tkv.InactiveScore(), tkv.BinaryScore(False)], IMAGES)

    def inputs(tkv):
        return tkv.Saliency(models.pair)(tkv.CategoricalScore(1), [IMAGES, IMAGES[::-1]])

    agree(theirs, outputs)
    agree(theirs, inactive)
    agree(theirs, inputs)
    agree(theirs, lambda tkv: tkv.Gradcam(models.pair)(tkv.CategoricalScore(0), [IMAGES, IMAGES]))


@pytest.mark.parametrize("method", ["Gradcam", "GradcamPlusPlus", "Layercam", "Scorecam"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"penultimate_layer": "second"},
        {"penultimate_layer": -4},
        {"penultimate_layer": "norm", "seek_penultimate_conv_layer": False},
        {"expand_cam": False},
        {"expand_cam": False, "normalize_cam": False, "activation_modifier": None},
    ],
)
def test_class_activation_maps(theirs, models, method, options):
    def run(tkv):
        changes = None if method == "Scorecam" else tkv.ReplaceToLinear()
        looked = getattr(tkv, method)(models.single, changes)
        return looked(tkv.CategoricalScore([1, 2]), IMAGES, **options)

    agree(theirs, run, tolerance=1e-4)


@pytest.mark.parametrize("options", [{"max_N": 2}, {"batch_size": 3}])
def test_score_cam(theirs, models, options):
    agree(
        theirs,
        lambda tkv: tkv.ScoreCAM(models.single)(tkv.CategoricalScore(1), IMAGES[0], **options),
    )


def climb(tkv, models, modifiers, seed=IMAGES * 100 + 120, model=None, **options):
    class Watch(tkv.Callback):
        def __call__(self, i, values, grads, scores, model_outputs, **kwargs):
            self.seen = [*values, *grads, *scores, *model_outputs]
            self.seen += [value for _, value in kwargs["regularizations"]]
            self.names = [name for name, _ in kwargs["regularizations"]]

    watch = Watch()
    maximize = tkv.ActivationMaximization(model or models.single, modifiers)
    score = options.pop("score", None) or tkv.CategoricalScore([1, 3])
    found = maximize(score, seed_input=seed, steps=4, callbacks=watch, **options)
    found = found if isinstance(found, list) else [found]
    return [np.asarray(each) for each in [*found, *watch.seen]]


def test_activation_maximization(theirs, models):
    def run(tkv):
        modifiers = [tkv.Jitter(jitter=4), tkv.Rotate2D(degree=1)]
        modifiers[1].random_generator = np.random.default_rng(1)
        return climb(tkv, models, tkv.ReplaceToLinear(), input_modifiers=modifiers)

    agree(theirs, run, tolerance=1e-3)


@pytest.mark.parametrize("kind", ["Adam", "RMSprop", "SGD"])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}])
def test_optimizers_of_keras(theirs, models, keras, kind, options):
    if kind == "Adam":
        options = {"amsgrad": bool(options)}

    def run(tkv):
        optimizer = getattr(keras.optimizers, kind)(learning_rate=0.5, **options)
        return climb(tkv, models, None, input_modifiers=None, optimizer=optimizer)

    agree(theirs, run, tolerance=1e-3)


def test_filters_of_a_layer_with_other_settings(theirs, models):
    def run(tkv):
        scale = tkv.Scale()
        scale.random_generator = np.random.default_rng(4)
        return climb(
            tkv,
            models,
            [tkv.ExtractIntermediateLayer("third"), tkv.ReplaceToLinear()],
            input_range=(0.0, 200.0),
            input_modifiers={"image": [scale]},
            regularizers=[tkv.Norm(weight=3, p=2), tkv.TotalVariation2D(weight=2.0)],
            gradient_modifier=lambda g: g * 2,
            activation_modifiers=lambda x: x + 1,
        )

    agree(theirs, run, tolerance=1e-3)


def test_several_inputs_are_climbed_together(theirs, models):
    def run(tkv):
        return climb(
            tkv,
            models,
            None,
            model=models.pair,
            seed=[IMAGES, IMAGES * 2],
            score=tkv.CategoricalScore(2),
            input_range=[(0, 255), None],
            input_modifiers={"other": tkv.Jitter(2)},
            regularizers={"image": [tkv.Norm(p=3)]},
        )

    agree(theirs, run, tolerance=1e-3)


def test_input_modifiers_of_any_rank(theirs):
    for shape, rotates in [((2, 9, 3), False), ((1, 9, 8, 3), True), ((1, 6, 7, 8, 2), True)]:
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)

        def run(tkv, x=x, rotates=rotates):
            each = [tkv.Jitter(3), tkv.Scale(0.7, 0.8), tkv.Scale(1.2, 1.3)]
            if rotates:
                each += [tkv.Rotate((1, 2), 30.0), tkv.Rotate(axes=(2, 1), degree=5)]
            for one in each[1:]:
                one.random_generator = np.random.default_rng(7)
            return [np.asarray(one(x)) for one in each]

        agree(theirs, run)


# What doesn't need tf-keras-vis.


def test_own_scores_and_regularizers_without_callbacks_and_repeatable(models):
    class Brightness(ours.Regularizer):
        def __call__(self, value):
            return value.mean(axis=(1, 2, 3)) * 2

    def run():
        np.random.seed(0)
        return ours.ActivationMaximization(models.single, ours.ReplaceToLinear())(
            ours.CategoricalScore(2),
            steps=3,
            input_modifiers=ours.Jitter(2),
            regularizers=Brightness("brightness"),
            optimizer=ph.optimizers.Adam(1.0),
        )

    first = run()
    assert first.shape == (1, 16, 14, 3)
    assert np.array_equal(first, run())
    assert type(first.numpy()) is np.ndarray


def test_old_regularizers(theirs, models):
    """They get all inputs together and divide by the number of samples too."""

    def values(root):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = importlib.import_module(f"{root}.utils.regularizers")
            return [
                old.TotalVariation2D(2.0),
                old.Norm(3.0, p=3),
                old.L2Norm(),
                old.TotalVariation(),
            ]

    roots = {id(theirs): "tf_keras_vis", id(ours): "phosphene.compat.tf_keras_vis"}

    def run(tkv):
        penalties = values(roots[id(tkv)])
        return climb(tkv, models, [], input_modifiers=[], regularizers=penalties)

    agree(theirs, run, 1e-4)


def test_old_regularizers_by_hand():
    with pytest.deprecated_call():
        old = importlib.import_module("phosphene.compat.tf_keras_vis.utils.regularizers")
        norm, variation = old.Norm(2.0, p=1), old.TotalVariation2D(1.0)
    ramp = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1).repeat(2, axis=0)
    assert norm([ramp]).tolist() == [3.0, 3.0]  # twice the mean
    assert variation([ramp]).tolist() == [0.75, 0.75]  # (1 + 1 + 2 + 2) / 8 of both samples
    new = ours.Norm(1.0)
    for mixed in ([norm, new], {"image": norm}, [[norm]]):
        with pytest.raises(ph.InvalidArgumentError, match=r"utils\.regularizers"):
            ours.ActivationMaximization(ph.zoo.wardrobe())(
                ours.CategoricalScore(1), steps=1, regularizers=mixed
            )


def test_layers_of_live_models_are_found(models, keras):
    convolution = ours.find_layer(models.single, lambda each: isinstance(each, keras.layers.Conv2D))
    assert convolution is models.single.get_layer("third")
    before = ours.find_layer(
        models.single, lambda each: "Conv" in type(each).__name__, models.single.get_layer("norm")
    )
    assert before is models.single.get_layer("second")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="inside")], name="part")
    outer = keras.Sequential([keras.Input((4,)), inner, keras.layers.ReLU()])
    assert ours.find_layer(outer, lambda each: each.name == "inside") is inner.layers[0]
    assert ours.find_layer(outer, lambda each: False) is None
    loaded = ph.load(models.single)
    assert ours.find_layer(loaded, lambda each: each.kind == "Conv2D") == loaded["third"]


def test_modifiers_that_return_a_keras_model(models, keras):
    def cut(model):
        return keras.Model(model.inputs, model.layers[-2].output)

    before = models.single.get_layer("classes").activation
    part = keras.Model(models.single.inputs, models.single.get_layer("third").output)
    expected = ours.Saliency(part)(ours.CategoricalScore(2), IMAGES)

    def to_third(model):
        return keras.Model(model.inputs, model.get_layer("third").output)

    linear = ours.ReplaceToLinear()
    for modifiers in (to_third, [linear, to_third]):
        found = ours.Saliency(models.single, model_modifier=modifiers)
        np.testing.assert_allclose(found(ours.CategoricalScore(2), IMAGES), expected, atol=1e-6)
    flat = ours.Saliency(models.single, model_modifier=cut)
    assert flat.model.outputs != ours.Saliency(models.single).model.outputs
    assert models.single.get_layer("classes").activation is before
    with pytest.raises(ph.InvalidArgumentError, match="works on live Keras models"):
        ours.Saliency(ph.load(models.single), model_modifier=cut)
    with pytest.raises(ph.InvalidArgumentError, match="put it first"):
        ours.Saliency(
            models.single, model_modifier=[ours.ExtractIntermediateLayer("third"), to_third]
        )


def test_scores_and_regularizers_written_with_jax(models):
    jnp = pytest.importorskip("jax.numpy")

    def with_jax(output):
        return jnp.mean(jnp.tanh(output[:, 1:3]) ** 2, axis=1)

    def with_numpy(output):
        return np.mean(np.tanh(output[:, 1:3]) ** 2, axis=1)

    saliency = ours.Saliency(models.single)
    np.testing.assert_allclose(saliency(with_jax, IMAGES), saliency(with_numpy, IMAGES), atol=1e-5)
    climbed = [
        climb(ours, models, [], score=score, input_modifiers=[], regularizers=[penalty])
        for score, penalty in (
            (with_jax, lambda x: jnp.mean(jnp.abs(x), axis=(1, 2, 3))),
            (with_numpy, lambda x: np.mean(abs(x), axis=(1, 2, 3))),
        )
    ]
    for found, expected in zip(*climbed, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-2)
    with pytest.raises(TypeError, match=r"unsupported operand"):
        saliency(lambda output: output + None, IMAGES)


def test_the_model_stays_as_it_was(models):
    before = models.single(IMAGES).numpy()
    ours.Saliency(models.single, ours.ReplaceToLinear(), clone=False)(third_class, IMAGES)
    assert np.array_equal(models.single(IMAGES).numpy(), before)
    assert models.single.layers[-1].activation.__name__ == "softmax"


def test_modifiers_that_are_functions(models, keras):
    def linear(model):
        model.layers[-1].activation = keras.activations.linear

    expected = ours.Saliency(models.single, ours.ReplaceToLinear())(third_class, IMAGES)
    assert np.array_equal(ours.Saliency(models.single, linear)(third_class, IMAGES), expected)


def test_writes_films_and_progress(models, tmp_path, capsys):
    ours.ActivationMaximization(models.single)(
        ours.CategoricalScore(2),
        steps=3,
        input_modifiers=None,
        callbacks=[ours.GifGenerator2D(tmp_path / "film"), ours.Progress(), ours.Print(2)],
    )
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.n_frames, film.size) == (3, (14, 16))
    printed = capsys.readouterr().out
    assert "3/3 - Score: " in printed
    assert "Steps: 002" in printed


def test_steps_are_limited_by_the_environment(models, monkeypatch):
    monkeypatch.setenv("TF_KERAS_VIS_MAX_STEPS", "2")
    seen = []

    class Count(ours.Callback):
        def __call__(self, i, *_, **__):
            seen.append(i)

    ours.ActivationMaximization(models.single)(ours.CategoricalScore(2), callbacks=Count())
    assert seen == [0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: ours.Saliency(m)(third_class, IMAGES[0, 0]), "seed input of shape"),
        (lambda m: ours.Saliency(m)([third_class] * 2, IMAGES), "as many scores"),
        (lambda m: ours.Saliency(m)(3, IMAGES), "score is a function"),
        (lambda m: ours.Saliency(m)(lambda o: 3.0, IMAGES), "computed from the output"),
        (lambda m: ours.Saliency(m)(lambda o: np.asarray(o)[:, 1], IMAGES), "differentiated"),
        (lambda m: ours.Saliency(m)(lambda o: np.median(o, axis=1), IMAGES), "median"),
        (lambda m: ours.Saliency(m)(ours.CategoricalScore(4), IMAGES), "4 channels"),
        (lambda m: ours.Saliency(m)(third_class, IMAGES, training=True), "training=True"),
        (lambda m: ours.Gradcam(m)(third_class, IMAGES, "clasess"), "no layer 'clasess'"),
        (lambda m: ours.Gradcam(m)(third_class, IMAGES, "image"), "no Conv1D"),
        (lambda m: ours.Scorecam(m)(third_class, IMAGES, max_N=9), "max_N"),
        (lambda m: ours.CategoricalScore("Bag"), "takes the index of .* received 'Bag'"),
        (lambda m: ours.CategoricalScore([1, 1.5]), r"received \[1, 1\.5\]"),
        (
            lambda m: ours.ActivationMaximization(m)(third_class, IMAGES, optimizer="adam"),
            "optimizer is",
        ),
        (
            lambda m: ours.ActivationMaximization(m)(
                third_class, IMAGES, input_modifiers={"picture": []}
            ),
            r"\['picture'\]",
        ),
    ],
)
def test_what_is_refused(models, call, message):
    with pytest.raises(ph.PhospheneError, match=message):
        call(models.single)
