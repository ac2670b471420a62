"""Spectrograms and pipelines against Keras."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import check, refusal, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

FIRST = {"data_format": "channels_first"}
SMALL = {"fft_length": 128, "sequence_stride": 50, "num_mel_bins": 12, "sampling_rate": 8000}


def layer(name, *inputs, on_jax=False, **settings):
    """Return a row of the layer `name`."""
    return row(lambda keras: getattr(keras.layers, name)(**settings), *inputs, on_jax=on_jax)


def mel(**settings):
    """Return a row of a small MelSpectrogram."""
    return layer("MelSpectrogram", (700,), **SMALL | settings)


def stft(*inputs, **settings):
    """Return a row of a small STFTSpectrogram."""
    return layer("STFTSpectrogram", *inputs or [(90, 2)], **{"frame_length": 16} | settings)


TABLE = {
    "MelSpectrogram": {
        "plain": mel(),
        "power": mel(power_to_db=False),
        "magnitude": mel(power_to_db=False, mag_exp=1.0),
        "hamming": mel(window="hamming"),
        "no window": mel(window=None),
        "given window": mel(window=np.linspace(0, 1, 128).tolist()),
        "short frames": mel(sequence_length=77),
        "frequencies": mel(min_freq=300.0, max_freq=2500.0),
        "decibels": mel(top_db=15.0, min_power=0.5, ref_power=3.0),
        "odd transform": mel(fft_length=125),
        "several signals": layer("MelSpectrogram", (2, 700), **SMALL),
        "standard": layer("MelSpectrogram", (5000,)),
    },
    "STFTSpectrogram": {mode: stft(mode=mode) for mode in
                        ("log", "magnitude", "psd", "real", "imag", "angle", "stft")}
    | {
        "steps": stft(frame_step=5),
        "longer transform": stft(fft_length=32),
        "odd frames": stft(frame_length=15),
        "same": stft(padding="same", mode="psd"),
        "channels": stft(expand_dims=True),
        "channels first": layer(
            "STFTSpectrogram", (2, 90), frame_length=16, on_jax=True, **FIRST
        ),
        "channels first, channels": layer(
            "STFTSpectrogram", (2, 90), frame_length=16, expand_dims=True, mode="stft",
            on_jax=True, **FIRST,
        ),
    },
    "Pipeline": {
        "layers": row(
            lambda keras: keras.layers.Pipeline(
                [
                    keras.layers.RandomFlip(),
                    keras.layers.Resizing(4, 5),
                    keras.layers.Rescaling(0.5, offset=1.0),
                ]
            ),
            (8, 7, 3),
        ),
    },
}  # fmt: skip


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


def test_windows_of_spectrograms_are_those_of_keras(keras):
    """The table gives kernels random numbers; these are cosines and sines."""
    layer = keras.layers.STFTSpectrogram(mode="magnitude", frame_length=64)
    network = keras.Sequential([keras.Input((300, 1)), layer])
    x = np.random.default_rng(0).normal(size=(2, 300, 1)).astype(np.float32)
    assert relative_error(ph.load(network)(x), network(x)) <= 2e-5


@pytest.mark.parametrize("name", ["MelSpectrogram", "STFTSpectrogram"])
def test_signals_of_any_length(keras, name):
    shape = (None,) if name == "MelSpectrogram" else (None, 1)
    layer = getattr(keras.layers, name)(fft_length=2048)
    network = keras.Sequential([keras.Input(shape), layer])
    model = ph.load(network)
    assert model.output_shape == network.output_shape
    for length in (3000, 4100):
        x = np.random.default_rng(0).normal(size=(2, length, *shape[1:])).astype(np.float32)
        assert relative_error(model(x), network(x)) <= 2e-5


def test_weights_of_pipelines(keras, tmp_path):
    layers = [keras.layers.Normalization(), keras.layers.Dense(3), keras.layers.Dense(2)]
    network = keras.Sequential([keras.Input((4,)), keras.layers.Pipeline(layers, name="line")])
    random = np.random.default_rng(0)
    layers[0].adapt(random.normal(size=(9, 4)) * 3 + 1)
    x = random.normal(size=(5, 4)).astype(np.float32)
    network.save(tmp_path / "network.keras")
    for model in (ph.load(network), ph.load(tmp_path / "network.keras")):
        assert relative_error(model(x), network(x, training=False)) <= 2e-5
        keys = [key for each in model.layers for key in each.weight_keys]
        assert keys[:3] == [
            f"line/layers/normalization/{name}" for name in ("mean", "variance", "count")
        ]
        assert keys[-1] == "line/layers/dense_1/bias"


@pytest.mark.parametrize(
    ("layer_class", "settings", "sentence"),
    [
        ("MelSpectrogram", {"window": "kaiser"}, "window must be one of 'hann', 'hamming'"),
        ("MelSpectrogram", {"window": [1.0, 2.0]}, "window needs 2048 numbers, received 2"),
        ("MelSpectrogram", {"fft_length": 1 << 20}, "nor this 8192"),
        ("MelSpectrogram", {"sequence_length": 4096}, "must not exceed fft_length"),
        ("MelSpectrogram", {"min_freq": 9000.0}, "max_freq must lie above min_freq"),
        ("MelSpectrogram", {}, "too few samples for fft_length 2048"),
        ("STFTSpectrogram", {"mode": "power"}, "mode must be one of 'log', 'magnitude'"),
        ("STFTSpectrogram", {"padding": "causal"}, "padding must be one of 'valid', 'same'"),
        ("STFTSpectrogram", {"frame_step": 300}, "must not fall"),
        ("STFTSpectrogram", {}, "STFTSpectrogram needs an input (batch, length, channels)"),
    ],
)
def test_settings_that_are_refused(layer_class, settings, sentence):
    assert sentence in refusal(layer_class, (700,), **settings)
