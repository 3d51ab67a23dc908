// Loads of records: how a file gets there, and what follows from a run.
import type { Api } from "../api/client";
import { Problem, given } from "../api/client";
import type { LoadRequest, RunView, UndoRequest } from "../api/types";

// The stage's own org, as runs name it.
export const OWN = "default";

function written({ rows }: RunView): number {
  return rows ? rows.inserted + rows.updated + rows.deleted : 0;
}

// What carries out a dry run of a load or an undo: the same input, read in the same way, into the same org. Null for any other run,
// and where nothing would be written.
export function executionOf(run: RunView): LoadRequest | UndoRequest | null {
  if (!run.dry_run || run.status !== "completed" || !written(run)) return null;
  if (run.kind === "undo") return run.undoes ? { kind: "undo", mode: "execute", run_id: run.undoes } : null;
  if (run.kind !== "load" || !run.load) return null;
  const given = Object.fromEntries(Object.entries(run.load).filter(([, value]) => value !== null));
  // A retry goes where its load went.
  const org = run.org && run.org !== OWN && !run.load.retry_of ? { org: run.org } : {};
  return { kind: "load", mode: "execute", allow_delete: false, ...given, ...org };
}

// Whether what a run has written can be asked back.
export function undoable(run: RunView): boolean {
  return run.kind === "load" && !run.dry_run && run.ended_at !== null && written(run) > 0;
}

// The name by which a load takes the file in.
export async function upload(api: Api, file: File): Promise<string> {
  const place = await given(api.POST("/api/uploads", { body: { name: file.name, size: file.size } }));
  const reply = await fetch(place.url, { method: "PUT", headers: place.headers, body: file });
  if (!reply.ok) throw new Problem({ title: "Upload", status: reply.status, detail: `${file.name} could not be uploaded (${reply.status}).` });
  return place.input;
}

// The columns of a CSV file, by its first line; none of a workbook, which is read when it is loaded.
export async function columnsOf(file: File): Promise<string[]> {
  if (!/\.(csv|txt|tsv)$/i.test(file.name)) return [];
  const start = await file.slice(0, 65_536).text();
  return headerOf(start.replace(/^\ufeff/, ""));
}

export function headerOf(text: string): string[] {
  const found: string[] = [];
  const delimiter = delimiterOf(text.split(/\r?\n/, 1)[0] ?? "");
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (quoted) {
      if (letter === '"' && text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else if (letter === '"') quoted = false;
      else cell += letter;
    } else if (letter === '"') quoted = true;
    else if (letter === delimiter) {
      found.push(cell.trim());
      cell = "";
    } else if (letter === "\n" || letter === "\r") break;
    else cell += letter;
  }
  return [...found, cell.trim()].filter(Boolean);
}

function delimiterOf(line: string): string {
  const counts = [",", ";", "\t"].map((each): [string, number] => [each, line.split(each).length]);
  return counts.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

const plain = (text: string) => text.toLowerCase().replace(/__c$/, "").replace(/[^\p{L}\p{N}]/gu, "");

// The field that a column means, by its name or label; empty where none does.
export function guess(column: string, fields: readonly { name: string; label: string }[]): string {
  const wanted = plain(column);
  return (fields.find((field) => plain(field.name) === wanted) ?? fields.find((field) => plain(field.label) === wanted))?.name ?? "";
}
