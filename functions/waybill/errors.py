"""Waybill's exceptions: one tree, and the vocabulary of the state machines' Retry and Catch.

Step Functions matches the exact class name and not its parents, so every name that a definition mentions stands here, and
`RETRYABLE` lists those that a task may be run again for.
"""


class WaybillError(Exception):
    """Root of everything that Waybill raises on purpose. The message says what is wrong and what to do."""


class InvalidInput(WaybillError):
    """The caller's input cannot be used."""


class ConfigurationError(WaybillError):
    """The configuration or the environment of a function is wrong."""


class LinkKeyGone(ConfigurationError):
    """The KMS key of the gateway's links is gone or may not be used: links neither open nor can be written."""


class NotFound(WaybillError):
    """A run, account or entry that was asked for does not exist."""


class IllegalTransition(WaybillError):
    """A file cannot go from its state to the one asked for."""


class LockLost(WaybillError):
    """Another run has taken the lock over: this one must write nothing more."""


class ServiceUnavailable(WaybillError):
    """An AWS service throttled or failed for longer than the client's own retries last. Worth another try."""


class WorkDamaged(WaybillError):
    """An object of the work bucket is not what Waybill wrote there."""


class BucketUnavailable(WaybillError):
    """A bucket does not exist or may not be used."""


class SalesforceError(WaybillError):
    """Root of what Salesforce answers with."""


class SalesforceUnavailable(SalesforceError):
    """5xx, time-out, dropped connection, or a body that is not JSON. Worth another try."""


class SalesforceLoginFailed(SalesforceError):
    """The credentials are refused."""


class SalesforceDenied(SalesforceError):
    """The user may not do or see this, or the object or field is unknown to him."""


class SalesforceQueryTooLarge(SalesforceError):
    """QUERY_TIMEOUT or QUERY_TOO_COMPLICATED: ask for less."""


class SalesforceQuotaExhausted(SalesforceError):
    """The org's daily API limit is used up, or the guard stops before it is. The run is parked."""


class SalesforceRequestInvalid(SalesforceError):
    """Salesforce refuses the request as such (MALFORMED_QUERY, INVALID_FIELD, ...): a mistake of ours or of the configuration."""


class NotReady(WaybillError):
    """A run refuses to go on, because what it needs is not there. Nothing was switched."""


class CanaryFailed(WaybillError):
    """A row of the canary failed, or automation changed the value that was written."""


RETRYABLE: tuple[type[WaybillError], ...] = (ServiceUnavailable, SalesforceUnavailable)
