"""What the benches migrate: accounts and files by arithmetic, so that a million of them take no memory. Pure."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MEDIAN_BYTES = 10_000
_SIGMA = 1.0  # of the logarithm: a tenth of the files is below 2.8 KB, a tenth above 36 KB
LARGEST = 1_000_000
_ENTRY, _ACCOUNT = "a01", "001"
_SUFFIX = "AAA"  # of an 18-character id without capital letters


@dataclass(frozen=True)
class Corpus:
    """`groups`: (accounts, files of each), in order of account. Entries are numbered through, in order of account and id."""

    groups: tuple[tuple[int, int], ...]
    bucket: str = "bench-source"

    @property
    def files(self) -> int:
        return sum(accounts * each for accounts, each in self.groups)

    @property
    def accounts(self) -> int:
        return sum(accounts for accounts, _ in self.groups)

    def first_of(self, account: int) -> int:
        """The number of an account's first entry; that of the entry after the last for the account after the last."""
        before = 0
        for accounts, each in self.groups:
            if account < accounts:
                return before + account * each
            account -= accounts
            before += accounts * each
        return before

    def account_of(self, entry: int) -> int:
        before = 0
        for accounts, each in self.groups:
            if entry < accounts * each:
                return before + entry // each
            entry -= accounts * each
            before += accounts
        return before

    def key(self, entry: int) -> str:
        """Keys sort as the entries do."""
        return f"docs/{self.account_of(entry):07}/{entry:09}.pdf"

    def number(self, key: str) -> int | None:
        """The entry whose source has this key."""
        stem = key.rpartition("/")[2].removesuffix(".pdf")
        number = int(stem) if stem.isdigit() else self.files
        return number if number < self.files and self.key(number) == key else None

    def keys_from(self, *, prefix: str, start_after: str) -> Iterator[int]:
        """The entries whose keys begin with `prefix` and come after `start_after`, in order."""
        everything = range(self.files)
        first = bisect_right(everything, start_after, key=self.key) if start_after else 0
        first = max(first, bisect_left(everything, prefix, key=self.key) if prefix else 0)
        for entry in range(first, self.files):
            if not self.key(entry).startswith(prefix):
                return
            yield entry

    def url(self, entry: int) -> str:
        return f"https://{self.bucket}.s3.amazonaws.com/{self.key(entry)}"


def entry_id(number: int) -> str:
    return f"{_ENTRY}{number:012}{_SUFFIX}"


def account_id(number: int) -> str:
    return f"{_ACCOUNT}{number:012}{_SUFFIX}"


def number_of(record_id: str) -> int:
    """The number of an entry or an account."""
    return int(record_id[3:15])


def sizes(count: int, *, seed: int = 7) -> list[int]:
    """Sizes in bytes of mixed small documents: log-normal, the same for the same seed."""
    source = random.Random(seed)
    return [min(LARGEST, max(1, round(MEDIAN_BYTES * source.lognormvariate(0, _SIGMA)))) for _ in range(count)]


def body(number: int, size: int) -> bytes:
    """Content of its own for each file."""
    line = f"file {number:012}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def evenly(files: int, *, per_account: int) -> Corpus:
    """Accounts of `per_account` files, and one of the rest."""
    full, rest = divmod(files, per_account)
    groups = [(full, per_account)] if full else []
    return Corpus(tuple([*groups, (1, rest)] if rest else groups))


def mixed(files: int) -> Corpus:
    """A third of the files in one account, a third in accounts of a thousand, the rest in accounts of ten."""
    third = files // 3
    thousands = max(1, third // 1_000)
    tens = (files - third - thousands * 1_000) // 10
    last = files - third - thousands * 1_000 - tens * 10
    groups = [(1, third), (thousands, 1_000), (tens, 10), (1, last)]
    return Corpus(tuple((accounts, each) for accounts, each in groups if accounts and each))


def packed(corpus: Corpus, *, size: int) -> Iterator[tuple[int, int]]:
    """First and last account of runs of up to `size` files; a larger account is one by itself."""
    first = 0
    for account in range(corpus.accounts):
        if corpus.first_of(account + 1) - corpus.first_of(first) > size and account > first:
            yield first, account - 1
            first = account
    yield first, corpus.accounts - 1


def percentiles(values: Sequence[int], *shares: float) -> list[int]:
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares]
