"""`tf.logging`: messages by Python's own logger `tensorflow`."""

from __future__ import annotations

import logging as _logging
from typing import Any

DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50
_logger = _logging.getLogger("tensorflow")

debug = _logger.debug
info = _logger.info
warning = warn = _logger.warning
error = _logger.error
fatal = _logger.critical
log = _logger.log
set_verbosity = _logger.setLevel
get_verbosity = _logger.getEffectiveLevel


def vlog(level: int, msg: str, *args: Any) -> None:
    """A message for those who look for faults in the library."""
    _logger.debug(msg, *args)


def flush() -> None:
    """Writes out what is not written yet."""
    for handler in _logger.handlers:
        handler.flush()


def log_if(level: int, msg: str, condition: Any, *args: Any) -> None:
    """A message where the condition holds."""
    if condition:
        _logger.log(level, msg, *args)
