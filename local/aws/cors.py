"""Who of another origin may read the API's replies: an HTTP API's CorsConfiguration, as API Gateway acts on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_KNOWN = {"AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders", "MaxAge"}
Header = Callable[[str], str | None]  # a request's header by its name


@dataclass(frozen=True, slots=True)
class Cors:
    """`max_age` in seconds. Credentials are never allowed: the token goes in a header."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Cors":
        """Raises ValueError for what is not known here."""
        unknown = set(given) - _KNOWN
        if unknown:
            raise ValueError(f"CorsConfiguration: {', '.join(sorted(unknown))} is not known locally")
        if "*" in given.get("AllowOrigins", ()):
            raise ValueError("CorsConfiguration: origins are named one by one, not by *")
        return cls(
            origins=tuple(given.get("AllowOrigins", ())),
            methods=tuple(given.get("AllowMethods", ())),
            headers=tuple(given.get("AllowHeaders", ())),
            exposed=tuple(given.get("ExposeHeaders", ())),
            max_age=int(given.get("MaxAge", 0)),
        )

    def is_preflight(self, method: str, header: Header) -> bool:
        return method == "OPTIONS" and bool(header("Origin")) and bool(header("Access-Control-Request-Method"))

    def preflight(self, header: Header) -> dict[str, str]:
        """What a browser is told before it asks; nothing for a page of another origin."""
        told = self.reply(header)
        if told:
            told |= {
                "access-control-allow-methods": ",".join(self.methods),
                "access-control-allow-headers": ",".join(self.headers),
                "access-control-max-age": str(self.max_age),
            }
        return told

    def reply(self, header: Header) -> dict[str, str]:
        """What is added to a reply."""
        origin = header("Origin")
        if origin not in self.origins:
            return {}
        exposed = {"access-control-expose-headers": ",".join(self.exposed)} if self.exposed else {}
        return {"access-control-allow-origin": str(origin), "vary": "Origin", **exposed}
