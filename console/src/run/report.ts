// Loads a run's report piece by piece, as the API gives it, and saves it as a file.
import type { Api } from "../api/client";

export const REPORTS = [
  { id: "csv", text: "As CSV, a line for each file or row" },
  { id: "json", text: "As JSON" },
  { id: "errors.csv", text: "Rows that were not loaded, as CSV" },
  { id: "errors.xlsx", text: "Your workbook, the bad cells marked" },
];

export async function reportOf(ask: (path: string) => Promise<Response>, runId: string, form: string): Promise<string[]> {
  const pieces: string[] = [];
  let offset: string | null = "0";
  while (offset !== null) {
    const reply: Response = await ask(`/api/runs/${runId}/report?format=${form}&offset=${offset}`);
    pieces.push(await reply.text());
    offset = reply.headers.get("Waybill-Next-Offset");
  }
  return pieces;
}

export async function saveReport(api: Api, runId: string, form: string): Promise<void> {
  const pieces = await reportOf(api.raw, runId, form);
  save(new Blob(pieces, { type: form === "json" ? "application/json" : "text/csv" }), `${runId}.${form}`);
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
