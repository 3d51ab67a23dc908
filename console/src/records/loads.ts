// Loads of records: how a file gets there, and what a dry run leaves to be executed.
import type { Api } from "../api/client";
import { Problem, given } from "../api/client";
import type { LoadRequest } from "../api/types";

// The dry run of a load does not say again what it was asked: this tab remembers it, so that just that can be executed.
const ASKED = "waybill.load.";

export function remember(runId: string, asked: LoadRequest): void {
  sessionStorage.setItem(ASKED + runId, JSON.stringify(asked));
}

export function remembered(runId: string): LoadRequest | null {
  return JSON.parse(sessionStorage.getItem(ASKED + runId) ?? "null") as LoadRequest | null;
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
