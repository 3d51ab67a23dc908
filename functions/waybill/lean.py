"""Values that are made many times per file: dataclasses that are frozen for the type checker alone.

A frozen dataclass's own __init__ goes through object.__setattr__ for each field, which takes four times as long: of a file's
copy that was a twentieth of the CPU. mypy holds everybody to `frozen=True` all the same.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

__all__ = ["lean"]

if TYPE_CHECKING:
    from dataclasses import dataclass as lean
else:

    def lean(*, frozen: bool, slots: bool) -> Any:
        """As dataclass(frozen=True, slots=True)."""
        assert frozen
        return dataclass(slots=slots, unsafe_hash=True)
