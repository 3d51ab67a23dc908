import { describe, expect, it } from "vitest";
import type { RunView } from "../api/types";
import { executionOf, undoable } from "./loads";

const LOAD = {
  input: "inbox/drop/prices.csv", etag: "abc", retry_of: null, object: null, external_id: "Code", write: null,
  allow_delete: true, mapping: "old", mapping_version: 3, from_org: null,
} satisfies RunView["load"]; // prettier-ignore

const ONE = { total: 1, inserted: 1, updated: 0, unchanged: 0, rejected: 0, failed: 0, deleted: 0 };
const NONE = { ...ONE, inserted: 0, unchanged: 1 };

function run(changes: Partial<RunView>): RunView {
  return {
    run_id: "load-1", kind: "load", mode: "dry_run", status: "completed", phase: "ended", message: "", dry_run: true, started_at: "2026-11-21T10:00:00Z",
    ended_at: "2026-11-21T10:01:00Z", requested_by: "inbox", execution_arn: "", errors: [], requests: {}, approval: null, org: "default", load: LOAD, rows: ONE, ...changes,
  };
}

describe("a dry run is carried out", () => {
  it("with just what it was asked, in the org that it looked at", () => {
    const asked = { kind: "load", mode: "execute", input: "inbox/drop/prices.csv", etag: "abc", external_id: "Code", allow_delete: true, mapping: "old", mapping_version: 3 };
    expect(executionOf(run({}))).toEqual(asked);
    expect(executionOf(run({ org: "uat" }))).toEqual({ ...asked, org: "uat" });
  });
  it("of a retry without an org: it goes where its load went", () => {
    const retry = { ...LOAD, input: null, etag: null, external_id: null, mapping: null, mapping_version: null, retry_of: "load-0", allow_delete: false };
    expect(executionOf(run({ org: "uat", load: retry }))).toEqual({ kind: "load", mode: "execute", retry_of: "load-0", allow_delete: false });
  });
  it("of an undo by the load that it undoes", () => {
    expect(executionOf(run({ kind: "undo", undoes: "load-0", load: null }))).toEqual({ kind: "undo", mode: "execute", run_id: "load-0" });
  });
  it("and nothing else is", () => {
    expect([run({ dry_run: false }), run({ status: "refused" }), run({ kind: "sync" }), run({ rows: NONE })].map(executionOf)).toEqual([null, null, null, null]);
  });
});

it("can be undone where it has written something, however it ended", () => {
  expect([run({ dry_run: false, status: "failed" }), run({ dry_run: false, rows: NONE }), run({})].map(undoable)).toEqual([true, false, false]);
});
