"""The demo's org: accounts, files and URLs as they are found in life, the same for the same seed, and what changes meanwhile."""

import random
from dataclasses import replace

from local.samples.documents import KINDS, Fixed, Generated
from local.samples.model import MAX_NAME, SOURCE_BUCKET, SampleAccount, SampleDelta, SampleFile, SampleOrg, fitting_url

BIG_ACCOUNT = "Acme Corporation"
# Names that have broken scripts before: slashes, dots, other alphabets, right to left, an emoji, a quote, one name twice.
_ODD_NAMES = (
    "Ünïcode & Söhne GmbH / Co. KG",
    "../Beta\\Solutions, Inc.",
    "株式会社テスト",
    "Smith & Sons",
    "Smith & Sons",
    "شركة النور للتجارة",
    'O\'Brien "Best" Haulage <Ireland>',
    "...",
    "🚚 Fast Freight",
    "Łódź Transport Spółka z o.o.",
)
_FIRST = (
    "Nordwind",
    "Blue Harbour",
    "Hernández",
    "Alpine",
    "Meridian",
    "Copperfield",
    "Van Dijk",
    "Sable",
    "Aurora",
    "Linden",
    "Baltic",
)
_SECOND = (
    "Logistics AG",
    "Shipping Ltd",
    "e Hijos S.L.",
    "Timber Group",
    "Foods",
    "Energy Partners",
    "Waste Services",
    "Rail Care",
)
_SHARES = {"pdf": 40, "docx": 18, "xlsx": 14, "txt": 12, "csv": 8, "png": 8}
_TITLES = {
    "pdf": ("Invoice {n}", "Quarterly report Q{q} {y}", "Delivery note {n}", "Rechnung {n} für März", "Facture n° {n} (réglée)"),
    "docx": (
        "Service agreement {y}",
        "Framework contract v{q}",
        "Contract {n} - signed",
        "Vertrag Nr. {n}",
        "NDA {y} (draft {q})",
    ),
    "xlsx": ("Price list {y}", "Asset register {y}-0{q}", "Fleet & fuel {y}", "価格表 {y}"),
    "txt": ("Minutes {y}-0{q}-12", "Call notes {n}", "README", "To do #{q}"),
    "csv": ("Export {n}", "positions_{y}_Q{q}", "Fuel 100% Q{q}"),
    "png": ("Site photo {n}", "Plan+section {q}", "Screenshot {y}-0{q}-03 at 10.12", "Diagramm {n}"),
}
_EMOJI_NAME = "📦" * MAX_NAME


def build_org(
    *, accounts: int = 25, files: int = 1000, seed: int = 7, bucket: str = SOURCE_BUCKET, problems: bool = False
) -> SampleOrg:
    """`files` entries in `accounts` accounts, the first of which has half of them. Exactly one cannot be copied: its object is missing.

    With `problems`, entries that cannot be copied for every other reason come on top.
    """
    if accounts < 1 or files < 1:
        raise ValueError(f"A sample org needs at least one account and one file, not {accounts} and {files}.")
    rng = random.Random(f"{seed}/org")
    names = [BIG_ACCOUNT, *_ODD_NAMES, *sorted({f"{a} {b}" for a in _FIRST for b in _SECOND}, key=lambda _: rng.random())]
    names += [f"Branch office {number}" for number in range(1, accounts - len(names) + 1)]
    made = [_file(rng, number, _account(rng, number, files, accounts), bucket=bucket, seed=seed) for number in range(files)]
    _plant_oddities(made, bucket)
    if problems:
        made += _problem_files(bucket)
    return SampleOrg(tuple(SampleAccount(name) for name in names[:accounts]), tuple(made))


def delta(org: SampleOrg, seed: int = 7) -> SampleDelta:
    """About one file in eighty is new, and a few have changed, point elsewhere, are renamed or deleted."""
    rng = random.Random(f"{seed}/delta")
    sound = [
        n for n, file in enumerate(org.files) if file.body is not None and not file.problem and isinstance(file.body, Generated)
    ]
    rng.shuffle(sound)
    few = max(1, len(sound) // 250)
    changed, repointed, renamed, deleted = (sound[start * few : (start + 1) * few] for start in range(4))
    bucket = next((file.bucket for file in org.files), SOURCE_BUCKET)
    number = len(org.files)

    def fresh(turn: int, account: int | None) -> SampleFile:
        return _file(rng, number + turn, account, bucket=bucket, seed=seed, folder="late")

    added = [fresh(turn, rng.randrange(len(org.accounts))) for turn in range(max(2, number // 80))]
    count = len(added)
    return SampleDelta(
        added=tuple(added),
        changed=tuple((n, replace(org.files[n], body=_other_body(org.files[n], number + count + n))) for n in changed),
        repointed=tuple(
            (n, replace(fresh(2 * count + number + n, org.files[n].account_index), name=org.files[n].name)) for n in repointed
        ),
        renamed=tuple((n, f"Renamed {org.files[n].name}"[:MAX_NAME].strip()) for n in renamed),
        deleted=tuple(deleted),
    )


def _account(rng: random.Random, number: int, files: int, accounts: int) -> int:
    """The first account has half of the files; every other at least one, as far as they go."""
    if accounts == 1 or number >= files - files // 2:
        return 0
    return number + 1 if number < accounts - 1 else rng.randrange(1, accounts)


def _file(rng: random.Random, number: int, account: int | None, *, bucket: str, seed: int, folder: str = "docs") -> SampleFile:
    kind = rng.choices(list(_SHARES), weights=list(_SHARES.values()))[0]
    title = rng.choice(_TITLES[kind]).format(n=f"2024-{number:05}", q=rng.randint(1, 4), y=rng.randint(2019, 2025))
    stored = f"{title}.{kind.upper() if rng.random() < 0.05 else kind}"
    name = title if rng.random() < 0.1 else stored
    key = f"{folder}/{number // 50:03}/{number}/{stored}"
    return _linked(SampleFile(account, name, "", bucket, key, Generated(kind, number, seed)), form=number)


def _linked(file: SampleFile, *, form: int) -> SampleFile:
    url = fitting_url(file.bucket, file.key, form)
    if url is None:
        raise ValueError(f"No URL of 255 characters names {file.key!r}.")
    return replace(file, url=url)


def _other_body(file: SampleFile, number: int) -> Generated:
    if not isinstance(file.body, Generated):
        raise TypeError(f"{file.key} is not generated.")
    return replace(file.body, number=number)


def _plant_oddities(files: list[SampleFile], bucket: str) -> None:
    """Replaces the last files, all of the big account, by those that every org has and every script forgets."""

    def plant(place: int, *, name: str, key: str, form: int) -> None:
        if place <= len(files) // 2 and isinstance(body := files[-place].body, Generated):
            kind = key.rpartition(".")[2]
            body = replace(body, kind=kind if kind in KINDS else "txt")
            files[-place] = _linked(replace(files[-place], name=name, key=key, body=body), form=form)

    plant(2, name="contract.pdf", key="docs/2021/contract.pdf", form=0)
    plant(3, name="contract.pdf", key="docs/2022/contract.pdf", form=1)  # one name twice in an account
    plant(4, name=_EMOJI_NAME, key="docs/odd/parcels.png", form=2)
    plant(5, name="../../etc/passwd", key="docs/odd/passwd", form=6)
    plant(6, name="ü é (1).txt", key="docs/odd/a b+c%20d/ü é (1).txt", form=3)
    plant(7, name="long " * 15 + ".txt", key="docs/odd/" + "long " * 36 + ".txt", form=0)
    plant(8, name="見積書" * 26, key="docs/odd/見積書 最終版.pdf", form=1)
    plant(9, name="Plan A + B.pdf", key="docs/odd/Plan A and B.pdf", form=7)  # written with pluses
    plant(10, name="Terms & conditions #2?.docx", key="docs/odd/Terms #2?.docx", form=6)  # s3:// decodes nothing
    if len(files) >= 26:
        plant(11, name="Offer+Annex.pdf", key="docs/odd/Offer+Annex.pdf", form=0)
        files[-11] = replace(files[-11], url=f"https://{bucket}.s3.amazonaws.com/docs/odd/Offer+Annex.pdf")  # the plus is one
        plant(12, name="empty.txt", key="docs/odd/empty.txt", form=2)
        files[-12] = replace(files[-12], body=Fixed(b""))
        files[-13] = replace(files[-13], account_index=None)
    files[-1] = _linked(
        SampleFile(files[-1].account_index, "gone.pdf", "", bucket, "docs/odd/gone.pdf", None, "source_missing"), form=1
    )


def _problem_files(bucket: str) -> list[SampleFile]:
    def entry(name: str, url: str, problem: str) -> SampleFile:
        return SampleFile(0, name, url, bucket, "", None, problem)

    return [
        entry("malformed.pdf", "htp:/broken link", "malformed_url"),
        entry("empty.pdf", "", "empty_url"),
        entry("no key.pdf", f"https://{bucket}.s3.amazonaws.com/", "no_key"),
        entry("not utf-8.pdf", f"https://{bucket}.s3.amazonaws.com/docs/%FF%FE.pdf", "malformed_url"),
        entry("elsewhere.pdf", "https://someone-elses-bucket.s3.amazonaws.com/docs/elsewhere.pdf", "unknown_bucket"),
        entry("metadata.txt", "http://169.254.169.254/latest/meta-data/iam", "private_address"),
        entry("share.pdf", "ftp://files.example.com/share.pdf", "unsupported_scheme"),
        entry("", f"https://{bucket}.s3.amazonaws.com/docs/odd/no-name.pdf", "source_missing"),
    ]
