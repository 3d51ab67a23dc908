"""Builds a client of settings and secret: the one place where the parts of this package meet."""

import random as randomness
import time
from collections.abc import Callable, Mapping

from waybill.clock import sleep
from waybill.salesforce.auth import fingerprint, login
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connection import Connection
from waybill.salesforce.patience import Patience
from waybill.salesforce.token_cache import TokenCache, TokenKeeper
from waybill.salesforce.usage import Meter
from waybill.settings import SalesforceSettings


def connect(
    settings: SalesforceSettings,
    secret: Mapping[str, str],
    *,
    cache: TokenCache,
    sleep: Callable[[float], None] = sleep,
    random: Callable[[], float] = randomness.random,
    monotonic: Callable[[], float] = time.monotonic,
    patience: Patience | None = None,
) -> SalesforceClient:
    """A client that logs in when it is first used. `patience` replaces `sleep`, `random` and the usual time-outs and tries.

    Raises ConfigurationError for a login URL that cannot be used.
    """
    # A tenth of a second: only who talks to Salesforce pays for it.
    from waybill.salesforce.transport import SalesforceSession

    patience = patience or Patience(sleep=sleep, random=random)
    meter = Meter(monotonic=monotonic)
    session = SalesforceSession(login_url=settings.login_url, meter=meter, patience=patience)
    tokens = TokenKeeper(
        cache=cache,
        login=lambda: login(settings, secret, session=session),
        identity=fingerprint(settings, secret),
        sleep=patience.sleep,
    )
    connection = Connection(
        session=session, tokens=tokens, meter=meter, api_version=settings.api_version, quota_guard=settings.quota_guard
    )
    return SalesforceClient(connection=connection, patience=patience)
