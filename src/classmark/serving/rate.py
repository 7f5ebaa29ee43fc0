"""How often one may ask: a bucket of tokens for each, bounded in number."""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from classmark.serving.access import caller
from classmark.serving.policy import rule_of
from classmark.serving.refusals import too_many

# Of so many the last requests are remembered.
_MOST_CALLERS = 10_000
# What is lost in adding floats must not cost a request.
_ROUNDING = 1e-6
# A subscriber has at least so much of the addresses of IPv6.
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one may still ask.

    Attributes:
        tokens: Requests that are let in at once.
        at: When that was so, in seconds of a clock that never goes back.
    """

    tokens: float
    at: float


def taken(bucket: Bucket | None, per_second: float, at: float) -> tuple[Bucket, float]:
    """The bucket after one more request, and the seconds to wait; 0 if the request may pass.

    A full bucket holds a second's worth of requests, at least one. A request that has to wait takes
    nothing.

    Args:
        bucket: As it was after the request before; None before the first one.
        per_second: How many tokens come in a second; above 0.
        at: The time.
    """
    full = max(1.0, per_second)
    if bucket is None:
        tokens = full
    else:
        tokens = min(full, bucket.tokens + max(0.0, at - bucket.at) * per_second)
    if tokens >= 1 - _ROUNDING:
        return Bucket(max(0.0, tokens - 1), at), 0.0
    return Bucket(tokens, at), (1 - tokens) / per_second


class RateLimit:
    """ASGI middleware that answers 429 to who asks too often.

    Args:
        app: What answers.
        per_second: Requests of one key or, without keys, of one address.
        clock: Seconds that never go back.
    """

    def __init__(self, app: ASGIApp, per_second: float, clock: Callable[[], float]) -> None:
        self._app = app
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, unless it is too early."""
        wait = self._wait(scope) if scope["type"] == "http" and _counts(scope) else 0.0
        if wait:
            refusal = too_many(scope, self._per_second, math.ceil(wait))
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        who = caller(scope) or _address(scope)
        bucket, wait = taken(self._buckets.pop(who, None), self._per_second, self._clock())
        self._buckets[who] = bucket
        if len(self._buckets) > _MOST_CALLERS:
            # Who has not asked for longest has most likely a full bucket again, as if new.
            self._buckets.popitem(last=False)
        return wait


def _counts(scope: Scope) -> bool:
    """Whether a request is limited: not what is open to all, nor the parts of a page."""
    rule = rule_of(scope["path"])
    if rule is None:
        return True
    return not (rule.is_open or (rule.in_browser and scope["method"] in {"GET", "HEAD"}))


def _address(scope: Scope) -> str:
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    if address.ipv4_mapped:
        # As a socket for both shows it.
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))
