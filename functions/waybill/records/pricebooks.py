"""What Salesforce asks of price books: one is the standard one, and a product has its standard price before any other."""

from collections.abc import Mapping

from waybill.records.mirror import Row, Touch

PRICE_BOOK, PRICE = "pricebook2", "pricebookentry"
# Fields that must be read for the rules below, by object.
NEEDS: Mapping[str, tuple[str, ...]] = {PRICE_BOOK: ("IsStandard",), PRICE: ("Pricebook2Id",)}


def is_custom_price(touch: Touch) -> bool:
    """Whether the row is a price outside the standard price book: it comes after the standard prices."""
    row = touch.target
    if row is None or row.mirror.schema.name.lower() != PRICE:
        return False
    book = touch.refs.get("pricebook2id")
    return not (isinstance(book, Row) and book.follow("IsStandard") in (True, "true"))
