"""How a tenant's runs behave: tries, the budget of API calls, who is told. Read from the tenant's file.

```yaml
environments:
- name: acme
  annotations:
    growthnav:
      run:
        retry_policy: {max_retries: 3, delay_seconds: 60, backoff_factor: 2}
        max_api_calls: 10000
        webhook: {url: https://hooks.acme.example/growthnav, secret: '${ACME_WEBHOOK_SECRET}'}
```

Meltano leaves annotations alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from plugins import wiring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.wiring import Document, Keys, Problems

PLACE = ("annotations", "growthnav", "run")
"""Where the policy stands in a tenant's environment."""

LONGEST_WAIT = 24 * 60 * 60
"""Seconds between two tries, at most: a longer wait is a schedule's."""

_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class RetryPolicy:
    """When a run that failed for a passing reason is tried again (names of F086)."""

    max_retries: int = 3
    delay_seconds: float = 60
    backoff_factor: float = 2

    @property
    def waits(self) -> list[float]:
        """Seconds before each further try: 60, 120, 240 unless set otherwise."""
        longest = float(LONGEST_WAIT)
        return [min(self.delay_seconds * self.backoff_factor**n, longest) for n in range(self.max_retries)]


@dataclass(frozen=True)
class Webhook:
    """Who is told of every finished run."""

    url: str
    secret: str
    """May refer to variables (`${ACME_WEBHOOK_SECRET}`): never the secret itself."""


@dataclass(frozen=True)
class RunPolicy:
    """What a tenant's file says about its runs."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_api_calls: int | None = None
    """API calls of one run, at most; None: as many as it takes."""
    webhook: Webhook | None = None


def read(document: Document, keys: Keys, environment: Mapping[str, Any], problems: Problems) -> RunPolicy:
    """The policy in a tenant's `environment`, which stands at `keys`; every mistake goes to `problems`."""
    reader = _Reader(document, (*keys, *PLACE), problems)
    given: Any = environment
    for key in PLACE:
        given = given.get(key) or {} if isinstance(given, dict) else {}
    run = reader.mapping(given, {"retry_policy", "max_api_calls", "webhook"})
    calls = reader.number(run, "max_api_calls", None, whole=True, least=1)
    return RunPolicy(
        retry=retry_policy(run.get("retry_policy"), document, (*keys, *PLACE, "retry_policy"), problems),
        max_api_calls=None if calls is None else int(calls),
        webhook=_webhook(run.get("webhook"), reader.below("webhook")),
    )


def retry_policy(given: Any, document: Document, keys: Keys, problems: Problems) -> RetryPolicy:
    """A `retry_policy`, as it stands in a tenant's file or in a `runner.yaml`."""
    reader = _Reader(document, keys, problems)
    retry = reader.mapping(given or {}, {"max_retries", "delay_seconds", "backoff_factor"})
    default = RetryPolicy()
    return RetryPolicy(
        int(reader.number(retry, "max_retries", default.max_retries, whole=True, most=10)),
        float(reader.number(retry, "delay_seconds", default.delay_seconds, most=LONGEST_WAIT)),
        float(reader.number(retry, "backoff_factor", default.backoff_factor, least=1, most=10)),
    )


def _webhook(given: Any, reader: _Reader) -> Webhook | None:
    if given is None:
        return None
    content = reader.mapping(given, {"url", "secret"})
    if not isinstance(given, dict):
        return None
    url, secret = content.get("url"), content.get("secret")
    parts = _parts(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        reader.add("url", "must be an https:// URL")
    elif parts.username or parts.password:
        reader.add("url", "must hold no user and no password")
    if not isinstance(secret, str) or not list(wiring.references(secret)):
        reader.add("secret", "must name a variable that holds the secret, such as ${ACME_WEBHOOK_SECRET}")
    return Webhook(str(url), str(secret))


def _parts(url: Any) -> SplitResult:
    """The parts of a URL that can be called as it stands; of anything else, empty ones."""
    if isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url:
        with suppress(ValueError):  # of a host in brackets, or a port, that is none
            parts = urlsplit(url)
            if parts.hostname and parts.port != 0:
                return parts
    return urlsplit("")


class _Reader:
    """Takes values out of mappings and notes what is wrong with them, never the values."""

    def __init__(self, document: Document, keys: Keys, problems: Problems) -> None:
        self._document, self._keys, self._problems = document, keys, problems

    def below(self, key: str) -> _Reader:
        return _Reader(self._document, (*self._keys, key), self._problems)

    def add(self, key: str, text: str) -> None:
        self._problems.add(self._document, (*self._keys, key), f"{key} {text}")

    def mapping(self, given: Any, known: set[str]) -> dict[str, Any]:
        """`given`, if it is a mapping with none but `known` keys."""
        if not isinstance(given, dict):
            self._problems.add(self._document, self._keys, f"{self._keys[-1]} must be a mapping")
            return {}
        for key in _unknown(given, known):
            self.add(key, f"is not a setting. There is: {', '.join(sorted(known))}")
        return given

    def number(
        self,
        given: Mapping[str, Any],
        key: str,
        default: float | None,
        *,
        whole: bool = False,
        least: float = 0,
        most: float | None = None,
    ) -> Any:
        """The number at `key`, or `default`."""
        value = given.get(key, default)
        kinds = int if whole else int | float
        if value is default:
            return default
        if isinstance(value, bool) or not isinstance(value, kinds) or value < least or (most and value > most):
            limit = f" and at most {most}" if most else ""
            self.add(key, f"must be a {'whole ' if whole else ''}number, at least {least:g}{limit}")
            return default
        return value


def _unknown(given: Mapping[Any, Any], known: set[str]) -> Iterator[str]:
    return (str(key) for key in given if key not in known)
