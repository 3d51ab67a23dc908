"""Real documents for the demo: PDF, DOCX, XLSX, PNG, CSV and TXT, the same for the same seed, and no two alike.

Making a document from nothing takes up to a tenth of a second, so there are few originals of each kind; every document is a copy
of one with its own number put in where the original has a placeholder.
"""

import csv
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

PLACEHOLDER = "WB-0000000"
ORIGINALS: Mapping[str, int] = {"pdf": 18, "docx": 10, "xlsx": 10, "png": 8, "csv": 6, "txt": 8}
KINDS = tuple(ORIGINALS)

_EPOCH = (2024, 1, 1, 0, 0, 0)  # in archives, which would otherwise carry the time of day
_GOODS = (
    "Gateway GX-200",
    "Vehicle tracker T4",
    "Fuel sensor FS-12",
    "Antenna kit",
    "SIM contract",
    "Driver ID reader",
    "Cold-chain probe",
)
_WORK = ("Installation", "Site survey", "Training day", "Calibration", "Maintenance, yearly", "Data export", "On-call support")
_PEOPLE = (
    "Anna Lindqvist",
    "José Álvarez",
    "M. Okafor",
    "Claire Dubois",
    "Jürgen Weiß",
    "Priya Raman",
    "Tom O'Neill",
    "Zoë van Dijk",
)
_FIRMS = ("Acme Corporation", "Nordwind Logistik AG", "Hernández e Hijos", "Blue Harbour Shipping", "Société Générale du Bois")
_CITIES = ("Rotterdam", "Göteborg", "Málaga", "Kraków", "Trieste", "Cork", "Århus", "Le Havre")
_CLAUSES = (
    "The supplier delivers and installs the equipment listed in the annex within six weeks of signature.",
    "Prices are fixed for twenty-four months; afterwards they follow the producer price index, at most three per cent a year.",
    "Invoices are payable within thirty days. Late payment carries interest at the statutory rate.",
    "Each party keeps the other's business information confidential for five years after the end of this agreement.",
    "The customer's data remain the customer's. On request the supplier hands them over in a common format and deletes its copies.",
    "Either party may end this agreement with three months' notice to the end of a quarter.",
    "Liability is limited to the fees of the preceding twelve months, save for intent and gross negligence.",
    "Changes to this agreement are in writing. Should one provision be void, the others stand.",
)
_NOTES = (
    "The pilot on route 7 ran for four weeks without a lost position.",
    "Fuel readings differ from the receipts by two per cent; the sensor in truck 14 is to be replaced.",
    "The depot asks for a second reader at the north gate.",
    "Training for the night shift is moved to the second week of the month.",
    "Finance wants one invoice per cost centre from the next quarter on.",
    "The old portal is switched off once all documents have been moved.",
)


@dataclass(frozen=True, slots=True)
class Generated:
    """A document yet to be made: called, it gives its bytes."""

    kind: str
    number: int
    seed: int

    def __call__(self) -> bytes:
        return document(self.kind, self.number, seed=self.seed)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A body known beforehand."""

    data: bytes

    def __call__(self) -> bytes:
        return self.data


def document(kind: str, number: int, *, seed: int) -> bytes:
    """The bytes of document `number`, below ten million, of a kind in KINDS."""
    original = _original(kind, number % ORIGINALS[kind], seed)
    label = f"WB-{number:07d}"
    if kind == "png":
        return _with_comment(original, label)
    if kind in {"docx", "xlsx"}:
        return _rezipped(original, {PLACEHOLDER.encode(): label.encode()})
    return original.replace(PLACEHOLDER.encode(), label.encode())  # of the same length: a PDF's table of offsets stays right


@cache
def _original(kind: str, index: int, seed: int) -> bytes:
    makers: Mapping[str, Callable[[random.Random, int], bytes]] = {
        "pdf": _pdf,
        "docx": _docx,
        "xlsx": _xlsx,
        "png": _png,
        "csv": _csv,
        "txt": _txt,
    }
    return makers[kind](random.Random(f"{seed}/{kind}/{index}"), index)


def _items(rng: random.Random, count: int) -> list[tuple[str, int, float]]:
    return [(rng.choice(_GOODS + _WORK), rng.randint(1, 40), rng.randint(500, 90_000) / 100) for _ in range(count)]


def _day(rng: random.Random) -> str:
    return f"{rng.randint(2019, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _pdf(rng: random.Random, index: int) -> bytes:
    """An invoice of a page, or every third time a report of several with a chart."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.lib.units import mm
    from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Spacer, Table

    report = index % 3 == 0
    title = "Quarterly report" if report else "Invoice"
    target = io.BytesIO()
    # Uncompressed, so that the placeholder can be found; invariant, so that it holds no time of day.
    page = SimpleDocTemplate(target, pagesize=A4, pageCompression=0, invariant=1, title=title, author=rng.choice(_PEOPLE))
    style = getSampleStyleSheet()
    rows = [
        (name, str(count), f"{price:.2f}", f"{count * price:.2f}") for name, count, price in _items(rng, 60 if report else 12)
    ]
    table = Table([("Item", "Quantity", "Price", "Amount"), *rows], colWidths=[80 * mm, 25 * mm, 30 * mm, 30 * mm], repeatRows=1)
    table.setStyle([("GRID", (0, 0), (-1, -1), 0.25, "grey"), ("ALIGN", (1, 0), (-1, -1), "RIGHT")])
    story = [
        Paragraph(title, style["Title"]),
        Paragraph(f"No. {PLACEHOLDER}", style["Normal"]),
        Paragraph(f"{rng.choice(_FIRMS)}, {rng.choice(_CITIES)}, {_day(rng)}", style["Normal"]),
        Spacer(1, 8 * mm),
    ]
    if report:
        story += [Paragraph(note, style["BodyText"]) for note in rng.sample(_NOTES, 4) * 3]
        story.append(Image(io.BytesIO(_chart(rng, 480, 240)), 150 * mm, 75 * mm))
    page.build([*story, table])
    return target.getvalue()


def _docx(rng: random.Random, index: int) -> bytes:
    import docx

    paper = docx.Document()
    paper.add_heading("Service agreement" if index % 2 else "Framework contract", 0)
    paper.add_paragraph(f"No. {PLACEHOLDER}, {_day(rng)}")
    paper.add_paragraph(f"between {rng.choice(_FIRMS)} and {rng.choice(_FIRMS)}, represented by {rng.choice(_PEOPLE)}")
    for number, clause in enumerate(rng.sample(_CLAUSES, len(_CLAUSES)) * rng.randint(1, 3), 1):
        paper.add_heading(f"§ {number}", 2)
        paper.add_paragraph(clause)
    annex = paper.add_table(rows=1, cols=3)
    for cell, text in zip(annex.rows[0].cells, ("Item", "Quantity", "Price"), strict=True):
        cell.text = text
    for name, count, price in _items(rng, 6):
        for cell, text in zip(annex.add_row().cells, (name, str(count), f"{price:.2f} EUR"), strict=True):
            cell.text = text
    if index % 3 == 0:
        paper.add_picture(io.BytesIO(_chart(rng, 400, 240)))
    target = io.BytesIO()
    paper.save(target)
    return _rezipped(target.getvalue(), {})


def _xlsx(rng: random.Random, index: int) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.create_sheet("Prices" if index % 2 else "Assets", 0)
    sheet.append(["List", PLACEHOLDER, _day(rng)])
    sheet.append(["Item", "Quantity", "Price", "Amount", "Site"])
    for row, (name, count, price) in enumerate(_items(rng, rng.choice((30, 80, 200))), 3):
        sheet.append([name, count, price, f"=B{row}*C{row}", rng.choice(_CITIES)])
    target = io.BytesIO()
    book.save(target)
    book.close()
    return _rezipped(target.getvalue(), {})


def _png(rng: random.Random, index: int) -> bytes:
    """A chart, a plan, or what a camera would give: most of the bytes are in the last."""
    if index % 2 == 0:
        return _chart(rng, 640, 420)
    from PIL import Image, ImageFilter

    grain = Image.frombytes("RGB", (96, 64), rng.randbytes(96 * 64 * 3)).filter(ImageFilter.GaussianBlur(1))
    scale = 2 + index % 4  # 240 to 600 pixels wide
    return _saved(grain.resize((120 * scale, 80 * scale), Image.Resampling.BICUBIC))


def _chart(rng: random.Random, width: int, height: int) -> bytes:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    bars = rng.randint(6, 12)
    step = (width - 60) // bars
    for bar in range(bars):
        left, top = 40 + bar * step, rng.randint(20, height - 60)
        pen.rectangle((left, top, left + step - 8, height - 30), fill=(rng.randint(20, 90), 110, rng.randint(120, 220)))
        pen.text((left, height - 24), str(2014 + bar), fill="black")
    pen.line((36, 10, 36, height - 30, width - 10, height - 30), fill="black", width=2)
    return _saved(picture)


def _saved(picture: "Image.Image") -> bytes:
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def _csv(rng: random.Random, index: int) -> bytes:
    target = io.StringIO()
    sheet = csv.writer(target)
    sheet.writerow(["document", "date", "site", "item", "quantity", "price", "contact"])
    for name, count, price in _items(rng, rng.choice((40, 200, 900))):
        sheet.writerow([PLACEHOLDER, _day(rng), rng.choice(_CITIES), name, count, f"{price:.2f}", rng.choice(_PEOPLE)])
    return target.getvalue().encode("utf-8-sig" if index % 2 else "utf-8")


def _txt(rng: random.Random, index: int) -> bytes:
    lines = [f"Minutes {PLACEHOLDER}", f"{rng.choice(_CITIES)}, {_day(rng)}", "Present: " + ", ".join(rng.sample(_PEOPLE, 3)), ""]
    for number in range(1, rng.choice((6, 20, 60)) + 1):
        lines.append(f"{number}. {rng.choice(_NOTES)}")
        lines.append(f"   To do: {rng.choice(_PEOPLE)}, by {_day(rng)}.")
    return ("\r\n" if index % 2 else "\n").join([*lines, ""]).encode()


_TIMES = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def _rezipped(archive: bytes, replace: Mapping[bytes, bytes]) -> bytes:
    """The Office file with texts replaced in its parts, and without the time of its making."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            part = old.read(name)
            for text, other in replace.items():
                part = part.replace(text, other)
            if name == "docProps/core.xml":
                part = _TIMES.sub(rb"\g<1>2024-01-01T00:00:00Z", part)
            new.writestr(zipfile.ZipInfo(name, _EPOCH), part, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _with_comment(png: bytes, text: str) -> bytes:
    """The image with a tEXt chunk behind its header, which is 8 bytes of signature and 25 of IHDR."""
    chunk = b"tEXt" + b"Comment\0" + text.encode()
    return png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]
