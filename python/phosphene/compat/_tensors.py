"""Arrays that remember how they were computed, so that scores and regularizers have gradients.

Only what a score or a regularizer is written with is here; the network itself is differentiated
by the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pull = Callable[["NDArray[Any]"], "NDArray[Any]"]
"""From the gradient with respect to a result to that with respect to what it was computed from."""


class Tensor(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with arithmetic, indexing and a part of NumPy's functions, and gradients of them.

    Parameters
    ----------
    value
        The numbers.
    sources
        The tensors that they were computed from, with the way of the gradient back to each.
    """

    def __init__(self, value: Any, sources: Sequence[tuple[Tensor, Pull]] = ()) -> None:
        self.value: NDArray[Any] = np.asarray(value)
        self.sources = tuple(sources)

    def __repr__(self) -> str:
        return f"Tensor({self.value!r})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return self.value.dtype

    def numpy(self) -> NDArray[Any]:
        """Return the numbers, without how they were computed."""
        return self.value

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        raise InvalidArgumentError(
            "A score or regularizer is differentiated through what it does with its argument: use "
            "arithmetic, indexing and NumPy's functions, or the argument's own mean, sum, max and "
            "reshape, instead of functions of another library; .numpy() is for looking only."
        )

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key: Any) -> Tensor:
        def pull(gradient: NDArray[Any]) -> NDArray[Any]:
            whole = np.zeros_like(self.value)
            np.add.at(whole, key, gradient)
            return whole

        return Tensor(self.value[key], [(self, pull)])

    def reshape(self, *shape: Any) -> Tensor:
        """Return the numbers in another shape."""
        value = self.value.reshape(*shape)
        return Tensor(value, [(self, lambda gradient: gradient.reshape(self.shape))])

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return sums over axes."""
        value = self.value.sum(axis=axis, keepdims=keepdims)

        def pull(gradient: NDArray[Any]) -> NDArray[Any]:
            return np.broadcast_to(_kept(gradient, self.ndim, axis, keepdims), self.shape)

        return Tensor(value, [(self, pull)])

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return means over axes."""
        total = self.sum(axis, keepdims)
        mean: Tensor = total * np.float32(total.value.size / self.value.size)
        return mean

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the largest numbers along axes; equal ones share the gradient."""
        value = self.value.max(axis=axis, keepdims=keepdims)

        def pull(gradient: NDArray[Any]) -> NDArray[Any]:
            largest = self.value == _kept(value, self.ndim, axis, keepdims)
            count = largest.sum(axis=axis, keepdims=True)
            share = _kept(gradient, self.ndim, axis, keepdims) / count
            return np.where(largest, share, 0).astype(self.dtype)

        return Tensor(value, [(self, pull)])

    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """Return the numbers with some axes in other places."""
        value = np.moveaxis(self.value, source, destination)
        return Tensor(value, [(self, lambda gradient: np.moveaxis(gradient, destination, source))])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc not in _FUNCTIONS:
            return _refuse(ufunc.__name__)
        # Plain numbers stay as they are: they don't widen float32.
        operands = [each.value if isinstance(each, Tensor) else each for each in inputs]
        result = ufunc(*operands)
        sources: list[tuple[Tensor, Pull]] = []
        for number, each in enumerate(inputs):
            if isinstance(each, Tensor):
                derivative = _FUNCTIONS[ufunc][number]
                sources.append((each, _pull(derivative, operands, result, each.shape)))
        return Tensor(result, sources)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        if function in (np.sum, np.mean, np.max, np.reshape, np.moveaxis):
            return getattr(arguments[0], function.__name__.removeprefix("a"))(
                *arguments[1:], **options
            )
        if function is np.stack:
            return stack(*arguments, **options)
        if function in (np.shape, np.ndim):
            return function(arguments[0].value)
        return _refuse(function.__name__)


def called(function: Callable[[Any], Any], tensor: Tensor) -> Any:
    """Return what a function makes of a tensor; one written with JAX is differentiated by JAX."""
    try:
        return function(tensor)
    except TypeError:
        jax = sys.modules.get("jax")
        if jax is None:
            raise
        try:
            value, pull = jax.vjp(function, jax.numpy.asarray(tensor.value))
            result = np.asarray(value)
        except Exception:
            jax = None
        if jax is None:
            raise
    return Tensor(result, [(tensor, lambda gradient: np.asarray(pull(_like(value, gradient))[0]))])


def _like(value: Any, gradient: NDArray[Any]) -> Any:
    """Return a gradient as JAX wants it for a value: of its very type and shape."""
    import jax

    return jax.numpy.broadcast_to(jax.numpy.asarray(gradient, value.dtype), value.shape)


def stack(parts: Iterable[Any], axis: int = 0) -> Any:
    """Return arrays or tensors joined along a new axis."""
    parts = list(parts)
    if not any(isinstance(each, Tensor) for each in parts):
        return np.stack(parts, axis)
    value = np.stack([each.value if isinstance(each, Tensor) else each for each in parts], axis)
    sources: list[tuple[Tensor, Pull]] = []
    for number, each in enumerate(parts):
        if isinstance(each, Tensor):
            sources.append((each, lambda g, number=number: np.take(g, number, axis)))  # type: ignore[misc]
    return Tensor(value, sources)


def gradient(results: Iterable[Tensor], sources: Sequence[Tensor]) -> list[NDArray[np.float32]]:
    """Return the gradient of the sum of all numbers of the results with respect to each source."""
    results = list(results)
    order: list[Tensor] = []
    seen: set[int] = set()
    waiting = [(each, False) for each in results]
    while waiting:
        tensor, done = waiting.pop()
        if done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            waiting.append((tensor, True))
            waiting.extend((source, False) for source, _ in tensor.sources)
    gradients: dict[int, NDArray[Any]] = {}
    for each in results:
        gradients[id(each)] = gradients.get(id(each), 0) + np.ones_like(each.value)
    for tensor in reversed(order):
        known = gradients.get(id(tensor))
        if known is not None:
            for source, pull in tensor.sources:
                gradients[id(source)] = gradients.get(id(source), 0) + pull(known)
    return [
        np.ascontiguousarray(
            np.broadcast_to(gradients.get(id(source), np.float32(0)), source.shape), np.float32
        )
        for source in sources
    ]


def _kept(values: NDArray[Any], ndim: int, axis: Any, keepdims: bool) -> NDArray[Any]:
    """Return what was reduced over axes with these axes of length 1."""
    if keepdims:
        return values
    axes = range(ndim) if axis is None else np.atleast_1d(axis)
    return np.expand_dims(values, tuple(int(each) for each in axes))


def _pull(
    derivative: Callable[..., Any], values: list[Any], result: Any, shape: tuple[int, ...]
) -> Pull:
    def pull(gradient: NDArray[Any]) -> NDArray[Any]:
        product = np.asarray(gradient * derivative(*values, result))
        product = product.sum(axis=tuple(range(product.ndim - len(shape))))
        axes = tuple(n for n, length in enumerate(shape) if length == 1 != product.shape[n])
        return np.asarray(product.sum(axis=axes, keepdims=True))

    return pull


def _refuse(name: str) -> Any:
    known = sorted(each.__name__ for each in _FUNCTIONS)
    raise UnsupportedError(
        f"numpy.{name} has no gradient here; scores and regularizers can use arithmetic, indexing, "
        f"sum, mean, max, reshape, stack and {', '.join(known)}."
    )


_FUNCTIONS: dict[Any, tuple[Callable[..., Any], ...]] = {
    np.add: (lambda a, b, r: 1, lambda a, b, r: 1),
    np.subtract: (lambda a, b, r: 1, lambda a, b, r: -1),
    np.multiply: (lambda a, b, r: b, lambda a, b, r: a),
    np.divide: (lambda a, b, r: 1 / b, lambda a, b, r: -r / b),
    np.power: (lambda a, b, r: b * a ** (b - 1), lambda a, b, r: r * np.log(a)),
    np.maximum: (lambda a, b, r: a >= b, lambda a, b, r: b > a),
    np.minimum: (lambda a, b, r: a <= b, lambda a, b, r: b < a),
    np.negative: (lambda a, r: -1,),
    np.positive: (lambda a, r: 1,),
    np.absolute: (lambda a, r: np.sign(a),),
    np.square: (lambda a, r: 2 * a,),
    np.sqrt: (lambda a, r: 0.5 / r,),
    np.exp: (lambda a, r: r,),
    np.log: (lambda a, r: 1 / a,),
    np.tanh: (lambda a, r: 1 - r * r,),
}
"""The derivative with respect to each argument, of the arguments and the result."""
