"""From a caller's arguments to what the core is asked, and from its answer to what they get."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypeVar

from keel import _core
from keel.errors import InvalidRequest, error_of_answer
from keel.reply import Reply
from keel.units import to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_R = TypeVar("_R", bound=Reply)


def request_of(
    make: Callable[[bytes, str, str, int | None, bool, bool], _core.Request],
    body: Mapping[str, Any],
    timeout: float | None,
    tenant: str | None,
    no_cache: bool,
    no_downgrade: bool,
    request_id: str | None,
) -> _core.Request:
    """`make`: one of `_core.Request`'s functions.

    Raises InvalidRequest, and ValueError for a timeout that is none.
    """
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout: found {timeout!r}, wanted seconds above 0")
    return make(
        _core.json_of(body) or _dumped(body),
        os.urandom(16).hex() if request_id is None else request_id,
        tenant or "",
        None if timeout is None else to_ns(timeout),
        no_cache,
        no_downgrade,
    )


def _dumped(body: Mapping[str, Any]) -> bytes:
    """For values that are not plain, and for what is wrong with them."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise InvalidRequest(
            f"the request cannot be written as JSON: {error}", code="invalid_request", status=400
        ) from error


def whole(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The params of a call that waits for the whole answer."""
    if params.get("stream"):
        raise InvalidRequest(
            "stream: found True, and this waits for the whole answer; there is `stream()`",
            code="invalid_request",
            status=400,
        )
    return params


def streamed(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The params of a call whose answer comes in pieces."""
    if not params.get("stream", True):
        raise InvalidRequest(
            f"stream: found {params['stream']!r}, and this reads the answer as it comes; there is "
            "`chat()`",
            code="invalid_request",
            status=400,
        )
    return {**params, "stream": True}


def reply_of(answer: _core.Answer, kind: type[_R]) -> _R:
    """Raises the error that an answer which is not ok stands for."""
    if answer.kind != "ok":
        raise error_of_answer(answer)
    return kind(answer)
