"""Loops and branches of Keras that are functions of functions: run symbolically, step by step.

A loop has to have a fixed number of steps, and both sides of a branch are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._errors import PhospheneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from phosphene._models.intake.expansion.backend import Keras

LONGEST = 1000
"""How many steps of a loop are written down."""


def controlled(keras: Keras, operation: Any, args: tuple[Any, ...]) -> Any:
    """Return what a loop or branch of ``keras.ops`` computes, `NotImplemented` for anything else.

    Parameters
    ----------
    keras
        Keras.
    operation
        The function that is called.
    args
        What it is called on.
    """
    kind = type(operation).__name__
    if kind == "Cond":
        condition, one, other = args
        return keras.map_structure(lambda a, b: keras.ops.where(condition, a, b), one(), other())
    if kind == "ForiLoop":
        value = args[0]
        for index in _steps(range(int(operation.lower), int(operation.upper))):
            value = operation.body_fun(index, value)
        return value
    if kind == "Scan":
        function, carry, *rest = args
        steps = rest[0] if rest else None
        count = steps[0] if isinstance(steps, (list, tuple)) else steps
        length = operation.length if count is None else count.shape[0]
        indices = list(_steps(range(int(length))))
        results = []
        for index in reversed(indices) if operation.reverse else indices:
            now = keras.map_structure(lambda each, at=index: each[at], steps)
            carry, result = function(carry, now)
            results.append(result)
        if operation.reverse:
            results.reverse()
        return carry, keras.map_structure(lambda *each: keras.ops.stack(each), *results)
    return NotImplemented


def recurrent(
    keras: Keras,
    step: Callable[[Any, Any], tuple[Any, Any]],
    sequence: Any,
    states: Any,
    *,
    go_backwards: bool = False,
    mask: Any = None,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    **_: Any,
) -> tuple[Any, Any, Any]:
    """Return what ``backend.rnn`` does: last output, all outputs, states.

    Parameters
    ----------
    keras
        Keras.
    step
        Computes output and new states from an input and the states.
    sequence
        Tensors of shape (batch, steps, ...), in any structure.
    states
        The first states.
    go_backwards
        Whether the last step comes first.
    mask
        Which steps count, of shape (batch, steps); states and output pass by the others.
    zero_output_for_mask
        Whether the output is zero there instead.
    unroll
        Whether Keras unrolls the loop itself.
    """
    ops = keras.ops
    # In a loop of JAX, Keras takes the first state for the output of the step before.
    takes_state = keras.backend.backend() == "jax" and not unroll
    length = keras.flatten(sequence)[0].shape[1]
    order = list(_steps(range(length)))
    if go_backwards:
        order.reverse()
    outputs: list[Any] = []
    for index in order:
        now = keras.map_structure(lambda each, at=index: each[:, at], sequence)
        output, new = step(now, states)
        if mask is not None:
            counts = mask[:, index]
            if zero_output_for_mask or not (outputs or takes_state):
                before = ops.zeros_like(output)
            elif takes_state:
                last = states[-1] if isinstance(states[0], (list, tuple)) else states
                before = last[0]
            else:
                before = outputs[-1]
            output = _where(ops, counts, output, before)
            new = keras.map_structure(
                lambda a, b, counts=counts: _where(ops, counts, a, b), new, states
            )
        outputs.append(output)
        states = new
    return outputs[-1], ops.stack(outputs, axis=1), states


def _where(ops: Any, counts: Any, one: Any, other: Any) -> Any:
    shape = (-1,) + (1,) * (len(one.shape) - 1)
    return ops.where(ops.reshape(counts, shape), one, other)


def _steps(indices: range) -> range:
    if len(indices) > LONGEST:
        raise PhospheneError(
            f"it loops {len(indices)} times, and no more than {LONGEST} are written"
        )
    return indices
