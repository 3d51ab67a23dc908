"""What Salesforce asks of price books: one is the standard one, and a product has its standard price before any other."""

from collections.abc import Iterable, Mapping

from waybill.records.domain import Cell
from waybill.records.mirror import Mirror, Row, Touch

PRICE_BOOK, PRICE = "pricebook2", "pricebookentry"
STANDARD = "IsStandard"
# Fields that must be read for the rules below, by object.
NEEDS: Mapping[str, tuple[str, ...]] = {PRICE_BOOK: (STANDARD,), PRICE: ("Pricebook2Id", "Product2Id", "CurrencyIsoCode")}
_PRICE_PATHS = ("Pricebook2Id", "Product2Id", "CurrencyIsoCode")


def standard_book(mirror: Mirror) -> Row | None:
    """The org's standard price book, however it is called in the org's language; None for any other object."""
    if mirror.schema.name.lower() != PRICE_BOOK:
        return None
    return next((row for row in mirror.living() if _is_standard(row)), None)


def says_standard(conditions: Mapping[str, Cell]) -> bool:
    """Whether a row, or what is said of a parent, is the standard price book."""
    return any(path.lower() == STANDARD.lower() and str(value).lower() in ("true", "1") for path, value in conditions.items())


def is_custom_price(touch: Touch) -> bool:
    """Whether the row is a price outside the standard price book: it comes after the standard prices."""
    row = touch.target
    if row is None or row.mirror.schema.name.lower() != PRICE:
        return False
    book = touch.refs.get("pricebook2id")
    return book is not None and not (isinstance(book, Row) and _is_standard(book))


def refuse_lonely(creators: Iterable[Touch], mirror: Mirror) -> None:
    """Refuses prices of products that have no standard price in the same currency: Salesforce would."""
    books = mirror.world.mirror(PRICE_BOOK) if mirror.schema.name.lower() == PRICE else None
    book = standard_book(books) if books is not None else None
    if book is None:
        return
    mirror.forget()
    for touch in creators:
        row = touch.target
        if not touch.effective or row is None or not is_custom_price(touch):
            continue
        wanted = (book.id, row.follow("Product2Id"), row.follow("CurrencyIsoCode"))
        if not mirror.find(_PRICE_PATHS, wanted):
            message = f"The product needs a price in the standard price book first, in the same currency ({wanted[2]})."
            touch.refuse("", "STANDARD_PRICE_NOT_DEFINED", message)


def _is_standard(row: Row) -> bool:
    return str(row.follow(STANDARD)).lower() == "true"
