"""The function's own credentials: from the environment, else from wherever botocore finds them, renewed as they expire."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from waybill.aws.signing import Keys
from waybill.errors import ConfigurationError

# botocore renews fifteen minutes before the end, and asking it each time would take a lock.
ASK_AGAIN_SECONDS = 60.0


class NoCredentials(ConfigurationError):
    """Nothing here says who we are."""


def own(environment: Mapping[str, str] | None = None) -> Callable[[], Keys]:
    """Where Lambda puts them, in the environment, botocore is not needed at all; it would look there first as well."""
    given = os.environ if environment is None else environment
    access_key_id, secret = given.get("AWS_ACCESS_KEY_ID"), given.get("AWS_SECRET_ACCESS_KEY")
    if access_key_id and secret:
        return fixed(Keys(access_key_id, secret, given.get("AWS_SESSION_TOKEN") or None))
    return Renewed(_botocores)


def of_role(role_arn: str) -> "Renewed":
    """Of a role that the function takes on, renewed before they expire."""

    def find() -> Any:
        from waybill.files.s3 import as_role  # boto3: only who takes on a role pays for it

        return as_role(role_arn).get_credentials()

    return Renewed(find)


def fixed(keys: Keys) -> Callable[[], Keys]:
    return lambda: keys


class Renewed:
    """Keys from a provider of botocore's, asked again every minute. `find` is called once, at the first use."""

    def __init__(self, find: Callable[[], Any], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._clock = find, clock
        self._lock = threading.Lock()
        self._provider: Any = None
        self._kept: tuple[float, Keys] | None = None

    def __call__(self) -> Keys:
        kept = self._kept
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        with self._lock:
            if self._kept is not None and self._clock() < self._kept[0]:
                return self._kept[1]
            if self._provider is None:
                self._provider = self._find()
            if self._provider is None:
                raise NoCredentials("AWS: there are no credentials, neither in the environment nor where botocore looks.")
            frozen = self._provider.get_frozen_credentials()
            keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
            self._kept = (self._clock() + ASK_AGAIN_SECONDS, keys)
            return keys


def _botocores() -> Any:
    from botocore.session import get_session  # takes a tenth of a second: only who has no other credentials pays for it

    return get_session().get_credentials()
