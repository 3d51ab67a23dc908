// Reads CSV as Waybill's reports have it.

// The whole rows of a text, and what stands behind the last of them: a report comes in pieces.
export function rowsOf(text: string): { rows: string[][]; rest: string } {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  let begin = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === ",") {
      row.push(cell);
      cell = "";
    } else if (letter === "\n") {
      rows.push([...row, cell.replace(/\r$/, "")]);
      row = [];
      cell = "";
      begin = at + 1;
    } else cell += letter;
  }
  return { rows, rest: text.slice(begin) };
}

export type Named = Record<string, string>;

// The rows by the names that the first one gives.
export function namedRows(text: string): Named[] {
  const [header = [], ...rows] = rowsOf(text).rows;
  return rows.map((row) => Object.fromEntries(header.map((name, at) => [name, row[at] ?? ""])));
}
