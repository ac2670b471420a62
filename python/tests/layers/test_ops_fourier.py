"""Fourier transforms and frames of `keras.ops`, against Keras."""

import pytest
from layers.checking import check, row, rows

pytestmark = pytest.mark.keras

SIGNAL = (3, 20)


def of_pair(name, given, *, smooth=True, **settings):
    """Return a row for a function of a pair of real and imaginary parts."""
    return row(
        lambda keras: lambda x: getattr(keras.ops, name)((x[0], x[1]), **settings),
        given,
        given,
        smooth=smooth,
    )


def of_signal(name, given=SIGNAL, *positional, smooth=True, **settings):
    """Return a row for a function of a real signal."""
    return row(
        lambda keras: lambda x: getattr(keras.ops, name)(x, *positional, **settings),
        given,
        smooth=smooth,
    )


# TensorFlow has no gradient of a transform that cuts its input.
TABLE = {
    "ExtractSequences": {"frames": of_signal("extract_sequences", SIGNAL, 6, 4)},
    "FFT": {"even": of_pair("fft", (3, 8)), "odd": of_pair("fft", (3, 7))},
    "FFT2": {"plane": of_pair("fft2", (6, 5))},
    "IFFT2": {"plane": of_pair("ifft2", (6, 5))},
    "IRFFT": {
        "plain": of_pair("irfft", (3, 5)),
        "odd": of_pair("irfft", (3, 5), fft_length=9),
        "shorter": of_pair("irfft", (3, 5), fft_length=6, smooth=False),
        "longer": of_pair("irfft", (3, 5), fft_length=12),
    },
    "ISTFT": {
        "plain": of_pair("istft", (6, 9), sequence_length=16, sequence_stride=4, fft_length=16),
        "shorter window": of_pair(
            "istft", (6, 9), sequence_length=12, sequence_stride=4, fft_length=16, length=17
        ),
        "edges": of_pair(
            "istft",
            (6, 9),
            sequence_length=16,
            sequence_stride=4,
            fft_length=16,
            window="hamming",
            center=False,
        ),
        "no window": of_pair(
            "istft", (6, 9), sequence_length=16, sequence_stride=8, fft_length=16, window=None
        ),
    },
    "RFFT": {
        "plain": of_signal("rfft"),
        "shorter": of_signal("rfft", fft_length=15, smooth=False),
        "longer": of_signal("rfft", fft_length=24),
    },
    "STFT": {
        "plain": of_signal("stft", SIGNAL, 8, 4, 8),
        "padded": of_signal("stft", SIGNAL, 6, 4, 9, window="hamming"),
        "edges": of_signal("stft", SIGNAL, 8, 4, 8, center=False),
        "no window": of_signal("stft", SIGNAL, 8, 4, 8, window=None),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
