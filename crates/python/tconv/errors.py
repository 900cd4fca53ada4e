"""The errors of a run, as TensorFlow's `tf.errors` has them.

What is found while a graph is built is a `ValueError` or a `TypeError`; what is found while it runs is an `OpError`: one
class for each of TensorFlow's codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tconv._tconv import Operation

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class NodeDef(NamedTuple):
    """The node at which an error arose: its name and its op."""

    name: str
    op: str


class OpError(Exception):
    """An error of a run. `str(error)` is the whole text; `op` is the operation at which it arose, where one is known.

    An error can be pickled; the copy has no `op`, since an operation belongs to its graph.
    """

    _code = UNKNOWN

    def __init__(
        self, node_def: NodeDef | None, op: Operation | None, message: str, error_code: int | None = None
    ) -> None:
        super().__init__(message)
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = self._code if error_code is None else error_code

    @property
    def message(self) -> str:
        """The text."""
        return self._message

    @property
    def op(self) -> Operation | None:
        """The operation at which the error arose, or None."""
        return self._op

    @property
    def node_def(self) -> NodeDef | None:
        """The name and the op of the node at which the error arose, or None."""
        return self._node_def

    @property
    def error_code(self) -> int:
        """TensorFlow's number for this class of error, such as `INVALID_ARGUMENT`."""
        return self._error_code

    @property
    def experimental_payloads(self) -> dict[str, bytes]:
        """Nothing: TensorFlow's distributed runtime puts something here."""
        return {}

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) is OpError:
            return OpError, (self._node_def, None, self._message, self._error_code)
        return type(self), (self._node_def, None, self._message)


class CancelledError(OpError):
    """The run was stopped."""

    _code = CANCELLED


class UnknownError(OpError):
    """What has no other class."""

    _code = UNKNOWN


class InvalidArgumentError(OpError):
    """An input of an operation does not fit: its sizes, its values, its dtype."""

    _code = INVALID_ARGUMENT


class DeadlineExceededError(OpError):
    """The time that was allowed is over."""

    _code = DEADLINE_EXCEEDED


class NotFoundError(OpError):
    """A file, or a variable in a checkpoint, is not there."""

    _code = NOT_FOUND


class AlreadyExistsError(OpError):
    """What should be made is there already."""

    _code = ALREADY_EXISTS


class PermissionDeniedError(OpError):
    """A file may not be read or written."""

    _code = PERMISSION_DENIED


class UnauthenticatedError(OpError):
    """Nobody said who asks."""

    _code = UNAUTHENTICATED


class ResourceExhaustedError(OpError):
    """There is not memory enough."""

    _code = RESOURCE_EXHAUSTED


class FailedPreconditionError(OpError):
    """Something must be done first: above all, a variable was read before it was initialized."""

    _code = FAILED_PRECONDITION


class AbortedError(OpError):
    """The operation was given up."""

    _code = ABORTED


class OutOfRangeError(OpError):
    """An index or a position lies beyond the end."""

    _code = OUT_OF_RANGE


class UnimplementedError(OpError):
    """This is not there."""

    _code = UNIMPLEMENTED


class InternalError(OpError):
    """The engine contradicts itself."""

    _code = INTERNAL


class UnavailableError(OpError):
    """Not there now, perhaps later."""

    _code = UNAVAILABLE


class DataLossError(OpError):
    """A file is damaged."""

    _code = DATA_LOSS


_CLASSES = {error.__name__: error for error in OpError.__subclasses__()}
_BY_CODE = {error._code: error for error in _CLASSES.values()}


def make(class_name: str, message: str, op: Operation | None = None, node: str = "") -> OpError:
    """The error of this class (`InvalidArgumentError`, ...) at `op`, whose node is called `node`."""
    node_def = NodeDef(node, op.type if op is not None else "") if node else None
    return _CLASSES.get(class_name, UnknownError)(node_def, op, message)


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The class that goes with one of TensorFlow's codes. Raises `KeyError`."""
    return _BY_CODE[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """TensorFlow's code of a class of errors."""
    return cls._code
