"""What to do about each class of error, in a line: the runbook's table, for who does not have it open."""

_AGAIN = "Nothing: the next backup tries the file by itself."
_ADMINISTRATOR = "Ask the org's administrator: the message says what refused the row."
_BY_HAND = "Move it by hand."
_RETRY = "`waybill retry` loads the rows again that were not written."

# Class -> what to do. docs/runbook.md says what each of them means.
ADVICE = {
    "MALFORMED_URL": "Correct the link in Salesforce.",
    "UNKNOWN_BUCKET": "Add the bucket to source.buckets and deploy, or correct the link.",
    "UNKNOWN_ACCOUNT": "Check the account's id.",
    "SOURCE_MISSING": "Ask the source's owner. In a cutover the copy is kept, and the link stays as it is.",
    "SOURCE_DENIED": "Check the source bucket's policy, its KMS key and the role.",
    "SOURCE_UNREACHABLE": "Run again once the web server is back.",
    "SOURCE_ARCHIVED": "Have the object restored, then run a backup: nothing waits for it.",
    "SOURCE_CHANGED": "Run a backup: it copies the file to a new key.",
    "SOURCE_UNKNOWN": "Restore the configuration that the backup had, or run a backup.",
    "EXTENSION": "Nothing, if intended; else change allowed_extensions.",
    "TOO_LARGE": "Raise max_file_size, or move it by hand.",
    "OWN_LINK": "Nothing: there is no file to move.",
    "EDITED": "Look at the row. The next backup treats its link as a new one.",
    "ENTRY_DELETED": "Nothing: the copy is kept.",
    "DESTINATION_TAKEN": "Somebody else writes below uploads/: find out who.",
    "ACCESS_DENIED": "Check policies and KMS key; a presigned link may have expired.",
    "BUCKET_UNAVAILABLE": "Check the configuration, the source's secret and the role.",
    "SERVICE_UNAVAILABLE": "Run again; lower concurrency.copy if it is frequent.",
    "INVALID_REQUEST": "Read the message, and keep it for a bug report.",
    "CONTENT_DIFFERS": "Run again; if it repeats, look at both objects.",
    "NOT_VERIFIED": "Run again; if it repeats, look at both objects.",
    "TRUNCATED": _AGAIN,
    "LENGTH_UNKNOWN": _BY_HAND,
    "NOT_A_FILE": "The link needs a session: move it by hand.",
    "ADDRESS_REFUSED": _BY_HAND,
    "HTTP_ERROR": _AGAIN,
    "UNFINISHED": "Nothing: the next call goes on with its parts.",
    "OUT_OF_TIME": "Move it by hand, or let the role read the source, so that S3 copies it.",
    "UNEXPECTED": "A bug: look into the log of CopyFiles, and report it.",
    "COPY_FAILED": "Read the message.",
    "NOT_COPIED": _AGAIN,
    "LEDGER_CHANGED": "Nothing: the newer run's word stands. `waybill verify` shows whether link and ledger agree.",
    "CONFLICT": "Look at the row. It is left alone; the next backup treats its link as a new one.",
    "CHANGED_AFTERWARDS": "Look at the object's triggers and flows.",
    "NOT_APPLIED": "Look at the object's triggers and flows: as a rule one of them writes the old link back.",
    "PRECONDITION_FAILED": "Run the cutover again.",
    "CHANGED_SINCE_PLAN": "Start a new cutover.",
    "MOVED": "Nothing: the next run follows the entry.",
    "NO_RESULT": "Run it again: it reads first.",
    "NO_REPLY": "Run it again: it reads first.",
    "UNKNOWN": "Run it again: it reads first.",
    "UNABLE_TO_LOCK_ROW": "Run it again at a quieter time; lower concurrency.switch.",
    "CANNOT_EXECUTE_FLOW_TRIGGER": _ADMINISTRATOR,
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _ADMINISTRATOR,
    "MISSING_PARENT": "Load the parent, or mend the row.",
    "PARENT_REJECTED": "Mend the parent's row.",
    "AMBIGUOUS_PARENT": "Make the parent's key unique.",
    "AMBIGUOUS_KEY": "Mend the rows, or give another key.",
    "DUPLICATE_KEY": "Mend the rows, or give another key.",
    "DUPLICATE_ROW": "Mend the rows, or give another key.",
    "REQUIRED_FIELD_MISSING": "Mend the cell.",
    "STRING_TOO_LONG": "Mend the cell.",
    "NUMBER_TOO_LARGE": "Mend the cell.",
    "INVALID_NUMBER": "Mend the cell.",
    "INVALID_DATE": "Mend the cell.",
    "INVALID_DATETIME": "Mend the cell.",
    "INVALID_BOOLEAN": "Mend the cell.",
    "INVALID_PICKLIST_VALUE": "Mend the cell.",
    "CELL_ERROR": "Mend the cell.",
    "NOT_CREATEABLE": "Leave the column out, or grant the right.",
    "NOT_UPDATEABLE": "Leave the column out, or grant the right.",
    "UNKNOWN_OBJECT": "Leave the table out, or grant the right.",
    "NOT_FOUND": "Load the row first, or load with mode upsert.",
    "STANDARD_PRICE_NOT_DEFINED": "Load the standard price first.",
    "EDITED_SINCE": "Look at the row: it is left as it is.",
    "NOT_DELETABLE": "Look at the row: it is left as it is.",
    "PARENT_FAILED": f"See the parent's row. {_RETRY}",
    "NOT_IN_ORG": f"As a rule automation deletes it. {_RETRY}",
    "NOT_PROCESSED": _RETRY,
    "NOT_WRITTEN": "Resume the run, or `waybill retry`.",
    "UNACCOUNTED": "Start another run.",
}
_STEP = "A step failed as a whole: resume the run, or start the next one. The message and the runbook say more."
_OTHERS = "Salesforce refuses the row: the message is its own."


def what_to_do(name: str) -> str:
    """For a class of error, or the name of an exception or of Step Functions' that ended a step."""
    return ADVICE.get(name) or (_OTHERS if name.isupper() else _STEP)
