"""What an empty org has all the same: its standard price book and its corporate currency; and the rule that prices obey."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from local.salesforce.errors import Fault
from local.salesforce.table import Record, Scalar

if TYPE_CHECKING:
    from local.salesforce.org import Org

_BOOK, _PRICE = "pricebook2", "pricebookentry"


def endowment(org: "Org") -> Iterator[tuple[str, Record]]:
    """(object, record), as far as the org's schema knows the objects."""
    known = org.schema.by_name
    if _BOOK in known:
        yield known[_BOOK].name, {"Name": "Standard Price Book", "IsStandard": True, "IsActive": "true"}
    if "currencytype" in known:
        numbers: Record = {"ConversionRate": "1", "DecimalPlaces": "2"}
        yield known["currencytype"].name, {"IsoCode": "USD", **numbers, "IsActive": "true", "IsCorporate": "true"}


def require_standard_price(org: "Org", old: Record | None, record: Record) -> Mapping[str, Scalar] | None:
    """A price in a custom book needs the product's price in the standard book, in the same currency. Raises Fault."""
    book = record.get("Pricebook2Id")
    if old is not None or book is None or _standard(org, book):
        return None
    product = str(record.get("Product2Id") or "")[:15]
    price = org.schema.by_name[_PRICE]
    for other in org.table(price.name).between("Product2Id", (product, ""), (product, "\x7f")):
        if not other.get("IsDeleted") and _standard(org, other.get("Pricebook2Id")) and _same_currency(other, record):
            return None
    raise Fault("STANDARD_PRICE_NOT_DEFINED", "Before creating a custom price, create a standard price.", fields=[])


def _standard(org: "Org", book: Scalar) -> bool:
    found = org.table(org.schema.by_name[_BOOK].name).get(str(book)[:15])
    return found is not None and bool(found.get("IsStandard"))


def _same_currency(one: Record, other: Record) -> bool:
    return str(one.get("CurrencyIsoCode") or "").upper() == str(other.get("CurrencyIsoCode") or "").upper()
