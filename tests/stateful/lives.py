"""Draws lives: a few changes, a run with or without a mishap, a look at everything, and again. The same dice, the same life."""

import random
from collections.abc import Callable

from local.stack import LocalStack
from tests.e2e.scene import Scene
from tests.stateful.life import Life, lived
from tests.stateful.moments import Mishap, Moment

_LISTING = ("StartRun", "ListAccounts", "ListFiles", "CollectShards", "CopyFiles", "ValidateFiles", "FinishRun")
FUNCTIONS = {
    "backup": _LISTING,
    "cutover": (*_LISTING, "CheckReadiness", "PlanUnits", "UpdateUrls", "UpdateUrls", "UpdateUrls"),
    "rollback": ("StartRun", "PlanUnits", "RestoreUrls", "RestoreUrls", "RestoreUrls", "FinishRun"),
}
CHANGES = {
    "edit": 4, "move": 4, "add": 3, "change_source": 3, "vanish": 2, "delete": 2, "undelete": 2, "undo_edit": 2, "rename": 1,
    "copy_entry": 1, "come_back": 2, "remove_account": 1,
}  # fmt: skip
RUNS = {"backup": 4, "cutover": 6, "rollback": 4, "resume": 3, "late": 2, "dry": 1}


def live(stack: LocalStack, dice: random.Random, *, steps: int, told: Callable[[str], None] | None = None) -> None:
    """Lives a life of so many runs on the stack. Raises Violation."""
    scene = Scene.new(stack)
    try:
        with lived(scene) as life:
            try:
                _live(life, dice, steps)
            finally:
                scene.settle()
                if told is not None:
                    told("\n".join([*life.told, ""]))
    finally:
        scene.close()


def _live(life: Life, dice: random.Random, steps: int) -> None:
    # Most of life is behind the first backup, and half of it behind the first cutover.
    if dice.random() < 0.8:
        life.backup("full", (), None)
        if dice.random() < 0.6:
            life.cutover("execute", (), None, 2)
    for _ in range(steps):
        for _ in range(dice.randint(0, 3)):
            life.change(*_change(dice))
        if dice.random() < 0.15:
            life.time_passes()
        _run(life, dice)
        life.check()
    life.the_end()


def _change(dice: random.Random) -> tuple[str, int, int]:
    (what,) = dice.choices(list(CHANGES), list(CHANGES.values()))
    return what, dice.randint(0, 30), dice.randint(0, 5)


def _run(life: Life, dice: random.Random) -> None:
    (kind,) = dice.choices(list(RUNS), list(RUNS.values()))
    life.pending = _change(dice)
    accounts = [dice.randint(0, 3) for _ in range(dice.choice((0, 0, 0, 1, 2)))]
    mode = "dry_run" if dice.random() < 0.15 else "execute"
    match kind:
        case "backup":
            life.backup(dice.choice(("full", "incremental")), accounts, _moment(kind, dice))
        case "dry":
            life.backup(dice.choice(("full", "incremental")), accounts, None, dry=True)
        case "cutover":
            life.cutover(mode, accounts, _moment(kind, dice), dice.choice((0, 1, 3)))
        case "rollback":
            life.rollback(mode, dice.randint(0, 2), dice.randint(0, 5), _moment(kind, dice))
        case "resume":
            life.resume(dice.randint(0, 5), _moment(dice.choice(list(FUNCTIONS)), dice) if dice.random() < 0.3 else None)
        case "late":
            for _ in range(3):
                life.late(dice.randint(0, 400))


def _moment(kind: str, dice: random.Random) -> Moment | None:
    """A mishap in half of the runs. A second run beside one that has not begun, or has ended, may be the one that runs: not those."""
    if dice.random() < 0.5:
        return None
    function, mishap = dice.choice(FUNCTIONS[kind]), dice.choice(list(Mishap))
    if mishap is Mishap.OVERLAP and function in {"StartRun", "FinishRun"}:
        function = FUNCTIONS[kind][-2]
    return Moment(function, dice.choice((0, 0, 1, 2)), mishap, dice.randint(0, 25))
