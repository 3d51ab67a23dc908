// The audit's chain, counted again in the browser: by whoever reads it, not by who wrote it.
import type { Api } from "../api/client";
import { given } from "../api/client";
import type { AuditHead, AuditRecord } from "../api/types";

export const GENESIS = "0".repeat(64);
const FIELDS = ["action", "actor", "at", "detail", "of", "outcome", "previous", "resource", "role", "sequence", "source"] as const;

// SHA-256 over everything but the hash itself, as JSON with sorted keys and no blanks, in UTF-8.
export async function digest(record: AuditRecord): Promise<string> {
  const text = JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, record[name]])));
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface Verdict {
  records: number;
  head: string;
  // Where and how the chain breaks; null where it holds.
  broken: string | null;
}

export async function verdictOf(records: AsyncIterable<AuditRecord>, head: AuditHead): Promise<Verdict> {
  let last = GENESIS;
  let sequence = 0;
  const broken = (why: string): Verdict => ({ records: sequence, head: head.hash, broken: why });
  for await (const record of records) {
    if (record.sequence > head.sequence) break; // written meanwhile
    sequence += 1;
    if (record.sequence !== sequence) return broken(`Record ${sequence} is missing: the next one is ${record.sequence}.`);
    if (record.previous !== last) return broken(`Record ${sequence} does not follow the one before it.`);
    if ((await digest(record)) !== record.hash) return broken(`Record ${sequence} was changed after it was written.`);
    last = record.hash;
  }
  if (sequence !== head.sequence || last !== head.hash) return broken(`The chain ends at record ${sequence}, and its head names ${head.sequence}.`);
  return { records: sequence, head: head.hash, broken: null };
}

// Every record, day by day. `tell`: how many were read so far.
async function* all(api: Api, head: AuditHead, tell: (count: number) => void): AsyncGenerator<AuditRecord> {
  let count = 0;
  for (let day = head.first_day; day && day <= head.at.slice(0, 10); day = dayAfter(day)) {
    let cursor: string | undefined;
    do {
      const page: { items: AuditRecord[]; next?: string | null } = await given(
        api.GET("/api/audit", { params: { query: { day, limit: 1000, ...(cursor ? { cursor } : {}) } } }),
      );
      for (const record of page.items) {
        count += 1;
        yield record;
      }
      tell(count);
      cursor = page.next ?? undefined;
    } while (cursor);
  }
}

export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

export async function checkAudit(api: Api, tell: (count: number) => void): Promise<Verdict> {
  // The head is read first: records written meanwhile are behind it.
  const head = await given(api.GET("/api/audit/head"));
  return verdictOf(all(api, head, tell), head);
}
