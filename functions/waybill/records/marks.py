"""What Waybill itself writes into a person's workbook: names by which it is known again, and left out when the workbook is loaded. Pure."""

# Columns: why a row was not written; what has become of a record.
REASONS = "Reasons (Waybill)"
STATUS = "Status (Waybill)"
# Sheets: what is to be decided; what a sync must remember, hidden.
CONFLICTS = "Waybill conflicts"
STATE = "Waybill"

# In front of a load's error CSV.
ERROR_COLUMNS = ("file", "sheet", "row", "object", "outcome", "id", "field", "code", "message")
COLUMNS = frozenset({REASONS, STATUS})
SHEETS = frozenset({CONFLICTS, STATE})
