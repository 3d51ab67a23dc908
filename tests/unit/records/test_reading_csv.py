"""CSV files as people and programs write them."""

import pytest

from tests.fakes.inputs import MemoryFiles
from waybill.errors import InvalidInput
from waybill.records.domain import Cell
from waybill.records.reading import csvs


def read(content: bytes | str) -> tuple[csvs.CsvTable, list[tuple[int, dict[str, Cell]]]]:
    files = MemoryFiles({"a.csv": content})
    table = csvs.look(lambda: files.open("a.csv"), "a.csv")
    return table, [(row.row, dict(row.values)) for row in csvs.rows(lambda: files.open("a.csv"), "a.csv", table)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_any_encoding_that_programs_write_is_understood(encoding: str) -> None:
    text = "Name,City\nMüller,Köln\n"
    assert read(text.encode(encoding))[1] == [(2, {"Name": "Müller", "City": "Köln"})]


def test_japanese_of_excel_is_told_from_western_text() -> None:
    assert read("Name\nカタカナの名前\n".encode("cp932"))[1] == [(2, {"Name": "カタカナの名前"})]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_seen_in_the_header(separator: str) -> None:
    assert read(f'"a,b;c"{separator}B{separator}C\n1{separator}2{separator}3\n')[1] == [(2, {"a,b;c": "1", "B": "2", "C": "3"})]


def test_excels_separator_line_is_no_header() -> None:
    table, rows = read("sep=;\nA;B\n1;2\n")
    assert table.headers == ("A", "B")
    assert rows == [(3, {"A": "1", "B": "2"})]


def test_rows_have_the_numbers_that_a_spreadsheet_shows() -> None:
    _, rows = read('\n\nA,B\n"one\ntwo\nthree",x\n\n,\n" ",\nlast,y\n')
    assert [(number, values["A"]) for number, values in rows] == [(4, "one\ntwo\nthree"), (8, "last")]


def test_a_doubled_header_is_told_and_the_last_counts_and_a_blank_one_is_left_out() -> None:
    table, rows = read("A,,B,A\n1,2,3,4\n")
    assert table.headers == ("A", "B")
    assert rows == [(2, {"A": "4", "B": "3"})]
    assert "stands twice" in table.warnings[0]


def test_rows_that_are_too_short_or_too_long_are_read_as_far_as_they_go() -> None:
    assert read("A,B\n1\n1,2,3\n")[1] == [(2, {"A": "1", "B": ""}), (3, {"A": "1", "B": "2"})]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b" , ,\n"])
def test_a_file_without_text_has_no_table(content: bytes) -> None:
    assert read(content)[0].headers == ()


def test_the_newlines_of_any_system_will_do() -> None:
    assert [number for number, _ in read("A\r1\r2\r")[1]] == [2, 3]
    assert [number for number, _ in read("A\r\n1\r\n2")[1]] == [2, 3]


def test_null_bytes_and_stray_quotes_do_not_stop_the_reading() -> None:
    _, rows = read(b'A,B\n1\x00,2\n"x"y,3\nit"s,4\n')
    assert [values["B"] for _, values in rows] == ["2", "3", "4"]
    assert rows[0][1]["A"] == "1"
    assert read(b"\0" * 100)[0].headers == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"A,B\r\n1,2\n3,4\r5,6", [("1", "2"), ("3", "4"), ("5", "6")]),
        (b'A,B\n"a ""q"" b",2\n', [('a "q" b', "2")]),
        (b'A,B\n5" pipe,2\n', [('5" pipe', "2")]),
        (b'A,B\n"a\nb\r\nc",2\n', [("a\nb\r\nc", "2")]),
        (b'A,B\n"' + b"x" * 200_000 + b'",2\n', [("x" * 200_000, "2")]),
        (b"A,B,\n1,2,\n", [("1", "2")]),
        (b"\n\n  \n,,\nA,B\n1,2\n", [("1", "2")]),
        (b"sep=;\r\nA;B\r\n1,5;2\r\n", [("1,5", "2")]),
        (b"\xef\xbb\xbfsep=\t\nA\tB\n1\t2\n", [("1", "2")]),
        (b'\xef\xbb\xbf"A","B"\n1,2\n\xef\xbb\xbf3,4\n', [("1", "2"), ("3", "4")]),
        (b"A,B\n1,2\n\x1a", [("1", "2")]),
        ("A,B\n1\u2028,2\x85\n".encode(), [("1\u2028", "2\x85")]),
        (b"\xff\xfe" + "A,B\n\u6771\u4eac,2\n".encode("utf-16-le") + b"x", [("東京", "2"), ("\ufffd", "")]),
        ("A,B\n東,2\n".encode("utf-16-be"), [("東", "2")]),
        (b"A,B\n", []),
        (b"A,B", []),
    ],
)
def test_cells_of_files_as_they_come(content: bytes, expected: list[tuple[str, str]]) -> None:
    table, rows = read(content)
    assert table.headers == ("A", "B")
    assert [(values["A"], values["B"]) for _, values in rows] == expected


def test_bytes_that_are_not_of_utf_8_spoil_only_themselves() -> None:
    lines = ["Name,City", "Müller,Köln", "Weiß,Zürich", "x,y"]
    mixed = "\n".join(lines).encode() + b"\nGr\xfcn,\x80\n"
    assert read(mixed)[1][0] == (2, {"Name": "Müller", "City": "Köln"})
    assert read(mixed)[1][-1] == (5, {"Name": "Grün", "City": "€"})
    assert read(mixed.replace("ö".encode(), b"\xf6").replace("ü".encode(), b"\xfc"))[1][0] == (
        2,
        {"Name": "Müller", "City": "Köln"},
    )


def test_many_columns_are_no_trouble() -> None:
    table, rows = read(",".join(f"C{number}" for number in range(32_000)) + "\n" + ",".join(["1"] * 32_000))
    assert (len(table.headers), set(rows[0][1].values())) == (32_000, {"1"})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('A,B\n1,2\n"3,4\n5,6\n7,8\n', r"opened in row 3 \(line 3 of the file\)"),
        ('A,B\n"1\n1",2\n3,"4\n5,6\n', r"opened in row 3 \(line 4 of the file\)"),
        ('"A,B\n1,2\n', "opened in row 1"),
    ],
)
def test_a_quote_that_is_never_closed_is_refused_for_it_would_swallow_rows(content: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(content)


def test_a_quote_in_the_last_cell_may_be_left_open_where_it_swallows_nothing() -> None:
    assert read('A,B\n1,"2')[1] == [(2, {"A": "1", "B": "2"})]
    assert read('A,B\n1,"2\n3"\n')[1] == [(2, {"A": "1", "B": "2\n3"})]


def test_a_cell_without_end_is_refused_with_its_row() -> None:
    with pytest.raises(InvalidInput, match="row 2"):
        read("A\n" + '"' + "x" * (5 * 1024 * 1024))
