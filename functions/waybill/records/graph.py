"""The order of objects: parents before children, cycles cut where a lookup may be filled in afterwards. Pure."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound="str | int")


def order(nodes: Sequence[Node], parents: Mapping[Node, set[Node]], *, hard: Mapping[Node, set[Node]]) -> list[Node]:
    """`nodes` so that each comes after its parents as far as can be, else as they were given.

    In a cycle, `hard` parents (lookups that must be filled in at once) go first; the other lookups of the cycle are deferred by who
    writes the rows.
    """
    place = {node: index for index, node in enumerate(nodes)}
    left = list(nodes)
    done: list[Node] = []
    while left:
        ready = next((node for node in left if not _waiting(node, parents, left)), None)
        if ready is None:
            ring = _first_ring(left, parents)
            firm = [node for node in ring if not (hard.get(node, set()) - {node}) & set(ring)]
            ready = min(firm or ring, key=place.__getitem__)
        left.remove(ready)
        done.append(ready)
    return done


def _waiting(node: Node, parents: Mapping[Node, set[Node]], left: Sequence[Node]) -> bool:
    return any(parent in left for parent in parents.get(node, set()) if parent != node)


def _first_ring(left: Sequence[Node], parents: Mapping[Node, set[Node]]) -> list[Node]:
    """A cycle that waits for nothing but itself."""
    inside = set(left)
    reached = {node: _ancestors(node, parents, inside) for node in left}
    smallest = min(left, key=lambda node: len(reached[node]))
    return [node for node in left if node in reached[smallest]]


def _ancestors(node: Node, parents: Mapping[Node, set[Node]], inside: set[Node]) -> set[Node]:
    found: set[Node] = set()
    waiting = [node]
    while waiting:
        for parent in parents.get(waiting.pop(), set()) & inside:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
