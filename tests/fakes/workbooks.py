"""Workbooks written by hand, part by part, as the strangest of programs might."""

import io
import zipfile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ROWS = '<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c></row>'
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def a_book(rows: str = ROWS, /, **parts: str | None) -> bytes:
    """A minimal .xlsx. `parts`: content of `sheet`, `book`, `links`, `strings`, `styles`, or None to leave it out."""
    files: dict[str, str | None] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": parts.get(
            "book",
            f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets><sheet name="T" sheetId="1" r:id="rId1"/></sheets></workbook>',
        ),
        "xl/_rels/workbook.xml.rels": parts.get(
            "links",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        ),
        "xl/worksheets/sheet1.xml": parts.get("sheet", f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'),
        "xl/sharedStrings.xml": parts.get("strings"),
        "xl/styles.xml": parts.get("styles"),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return out.getvalue()


def header(text: str = "Name") -> str:
    return f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>'


def an_open_document(rows: str) -> bytes:
    """An .ods with the sheet T. `rows`: XML with the prefixes table, text and office."""
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    spaces = "".join(f' xmlns:{name}="{office.replace("office:1", f"{name}:1")}"' for name in ("office", "table", "text"))
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{manifest}"/>')
        archive.writestr(
            "content.xml",
            f"<office:document-content{spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="T">{rows}</table:table></office:spreadsheet></office:body></office:document-content>',
        )
    return out.getvalue()


def open_cell(value: str, *, columns: int = 1) -> str:
    return f'<table:table-cell office:value-type="string" table:number-columns-repeated="{columns}"><text:p>{value}</text:p></table:table-cell>'


def one_cell(value: str, kind: str = "n", style: int = 0) -> str:
    """The header's row, and one with a cell."""
    return f'{header()}<row r="2"><c r="A2" t="{kind}" s="{style}"><v>{value}</v></c></row>'


_CODES = ("yyyy-mm-dd", "[h]:mm:ss", "h:mm", "yyyy-mm-dd hh:mm", "&quot;Day &quot;0", "0.00%", "General;[Red]-0")


def dated(*cells: tuple[int, str], **parts: str | None) -> bytes:
    """A column of numbers in formats by their number: 1 a day, 2 a duration, 3 a time, 4 a moment, 5 a text with a number, 6 a share, 7 red below zero."""
    formats = "".join(f'<numFmt numFmtId="{170 + number}" formatCode="{code}"/>' for number, code in enumerate(_CODES, 1))
    styles = "".join(f'<xf numFmtId="{170 + number}"/>' for number in range(1, len(_CODES) + 1))
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" s="{style}"><v>{value}</v></c></row>' for row, (style, value) in enumerate(cells, 2)
    )
    sheet = f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts><cellXfs><xf/>{styles}</cellXfs></styleSheet>'
    return a_book(header() + rows, **{"styles": sheet, **parts})
