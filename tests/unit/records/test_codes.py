"""Every code that a row may get is explained."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
RECORDS = ROOT / "functions" / "waybill" / "records"
GIVEN = re.compile(r'(?:refuse\(\s*[^,()]*(?:\.name)?,|BadValue\(|Unresolved\(|notes = \(|code=)\s*"([A-Z_]{5,})"')


def test_every_code_of_a_plan_is_in_the_manual() -> None:
    pure = [path for path in RECORDS.glob("*.py") if "from waybill.records.mirror" in path.read_text(encoding="utf-8")]
    files = [*pure, RECORDS / "values.py", RECORDS / "readers.py", RECORDS / "mirror.py"]
    codes = {code for path in files for code in GIVEN.findall(path.read_text(encoding="utf-8"))}
    text = (ROOT / "docs" / "loads.md").read_text(encoding="utf-8")
    assert len(codes) > 18
    assert {code for code in codes if f"`{code}`" not in text} == set()
