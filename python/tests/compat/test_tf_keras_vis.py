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
