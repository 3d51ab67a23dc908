"""What the simulated org refuses: an error code, the HTTP status it comes under, and the fields concerned."""

from collections.abc import Sequence

# Under REST these are not 400.
_STATUS = {
    "ENTITY_IS_DELETED": 404,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "INVALID_SESSION_ID": 401,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": 403,
    "PRECONDITION_FAILED": 412,
    "UNKNOWN_EXCEPTION": 500,
}


class Fault(Exception):
    """An error of one row or, where it reaches the request's handler, of the whole request."""

    def __init__(self, code: str, message: str, *, fields: Sequence[str] | None = None, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)
        self.status = _STATUS.get(code, 400) if status is None else status

    def top_level(self) -> dict[str, object]:
        """As an element of a failed reply: `errorCode`."""
        entry: dict[str, object] = {"message": self.message, "errorCode": self.code}
        return entry if self.fields is None else {**entry, "fields": self.fields}

    def in_row(self) -> dict[str, object]:
        """As an element of a collection's result: `statusCode`."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}


class RequestFault(Fault):
    """The body cannot be understood: the whole request fails, also where single rows could."""


def not_found(message: str = "The requested resource does not exist") -> Fault:
    return Fault("NOT_FOUND", message)


def no_such_column(field: str, sobject: str) -> RequestFault:
    return RequestFault("INVALID_FIELD", f"No such column '{field}' on sobject of type {sobject}")
