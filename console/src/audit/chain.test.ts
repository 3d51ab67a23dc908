import { expect, it } from "vitest";
import type { AuditRecord } from "../api/types";
import { GENESIS, dayAfter, digest, verdictOf } from "./chain";
import { gistOf } from "./gist";

async function record(sequence: number, previous: string, actor = "admin"): Promise<AuditRecord> {
  const bare = {
    sequence,
    at: "2026-11-21T10:00:00Z",
    actor,
    role: "admin",
    source: "127.0.0.1",
    action: "POST /api/runs",
    resource: "/api/runs",
    outcome: "asked",
    detail: '{"request": {"kind": "backup", "name": "Müller & Söhne <\u2028>"}}',
    of: 0,
    previous,
    hash: "",
  };
  return { ...bare, hash: await digest(bare) };
}

async function* stream(...records: AuditRecord[]): AsyncGenerator<AuditRecord> {
  for (const each of records) yield await Promise.resolve(each);
}

function head(last: AuditRecord) {
  return { sequence: last.sequence, hash: last.hash, at: last.at, first_day: "2026-11-21" };
}

it("counts the same hash as functions/waybill/audit.py", async () => {
  expect((await record(1, GENESIS)).hash).toBe("05561474400e35b06e03d2e5bff7a51e69df6e046a4cec99ef70ad67951c4dc2");
});

it("holds where each record follows the one before it", async () => {
  const first = await record(1, GENESIS);
  const second = await record(2, first.hash);
  expect(await verdictOf(stream(first, second), head(second))).toEqual({ records: 2, head: second.hash, broken: null });
});

it("tells a record that was changed, taken out, or cut off", async () => {
  const first = await record(1, GENESIS);
  const second = await record(2, first.hash);
  const third = await record(3, second.hash);
  const changed = { ...second, actor: "nobody" };
  expect((await verdictOf(stream(first, changed, third), head(third))).broken).toBe("Record 2 was changed after it was written.");
  expect((await verdictOf(stream(first, third), head(third))).broken).toBe("Record 2 is missing: the next one is 3.");
  expect((await verdictOf(stream(first, second), head(third))).broken).toBe("The chain ends at record 2, and its head names 3.");
});

it("leaves out what was written after the head was read", async () => {
  const first = await record(1, GENESIS);
  const second = await record(2, first.hash);
  expect((await verdictOf(stream(first, second), head(first))).broken).toBeNull();
});

it("goes from day to day, over the end of a month too", () => {
  expect([dayAfter("2026-11-30"), dayAfter("2028-02-28")]).toEqual(["2026-12-01", "2028-02-29"]);
});

it("tells what a record is about", () => {
  expect([
    gistOf('{"request": {"kind": "backup", "mode": "full"}, "before": null}'),
    gistOf('{"reply": {"run_id": "backup-1"}}'),
    gistOf('{"why": "This takes the role admin"}'),
    gistOf("no JSON"),
  ]).toEqual(["backup full", "backup-1", "This takes the role admin", "Show"]);
});
