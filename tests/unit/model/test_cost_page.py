"""The committed tables are the model's own."""

from bench.model import PAGE, TABLES, written


def test_the_page_shows_what_the_model_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in page for name in TABLES)
    assert written(page) == page, "run `.venv/bin/python bench/model.py --write`"
