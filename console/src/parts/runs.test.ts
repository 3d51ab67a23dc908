import { describe, expect, it } from "vitest";
import type { FilesCounts, RowsCounts, RunView } from "../api/types";
import { approvalFigures, figuresOf, outcomeOf, outcomeWords, progressOf, rateOf, remaining, sampled, share, titleOf } from "./runs";

const NONE: FilesCounts = {
  total: 0,
  copied: 0,
  skipped: 0,
  verified: 0,
  to_copy: 0,
  to_switch: 0,
  switched: 0,
  to_restore: 0,
  rolled_back: 0,
  held_back: 0,
  failed: 0,
  conflicts: 0,
  bytes: 0,
};

const RUN: RunView = {
  run_id: "backup-1",
  kind: "backup",
  mode: "full",
  status: "running",
  phase: "copying",
  message: "",
  dry_run: false,
  started_at: "2026-11-21T10:00:00Z",
  ended_at: null,
  requested_by: "admin",
  execution_arn: "",
  errors: [],
  requests: {},
  approval: null,
};

function run(changes: Partial<RunView>, files: Partial<FilesCounts> = {}): RunView {
  return { ...RUN, files: { ...NONE, ...files }, ...changes };
}

function rowsRun(changes: Partial<RunView>, rows: Partial<RowsCounts>): RunView {
  const none = { total: 0, inserted: 0, updated: 0, unchanged: 0, rejected: 0, failed: 0, deleted: 0 };
  return { ...RUN, kind: "load", mode: "execute", ...changes, rows: { ...none, ...rows } };
}

describe("progress", () => {
  it("counts what was dealt with, the failed ones among it", () => {
    expect(progressOf(run({}, { total: 10, copied: 4, skipped: 1, failed: 1 }))).toEqual({ done: 6, total: 10 });
  });
  it("of a cutover is that of its backup until the first link is switched", () => {
    expect(progressOf(run({ kind: "cutover" }, { total: 10, copied: 2 })).done).toBe(2);
    expect(progressOf(run({ kind: "cutover" }, { total: 10, copied: 2, switched: 7, held_back: 1 })).done).toBe(8);
  });
  it("of a rollback is told by what it restored, or by what it would restore", () => {
    const written = run({ kind: "rollback", mode: "execute" }, { total: 10, rolled_back: 6, conflicts: 1 });
    expect(progressOf(written)).toEqual({ done: 7, total: 10 });
    expect(figuresOf(written).slice(0, 2)).toEqual([
      ["Files", 10, "plain"],
      ["Rolled back", 6, "good"],
    ]);
    const foretold = run({ kind: "rollback", mode: "dry_run", dry_run: true }, { total: 10, to_restore: 9, conflicts: 1 });
    expect(progressOf(foretold)).toEqual({ done: 10, total: 10 });
    expect(figuresOf(foretold)[1]).toEqual(["Would be restored", 9, "plain"]);
  });
  it("of an undo counts the rows that it deleted, that of a load its own rows only", () => {
    expect(progressOf(rowsRun({ kind: "undo" }, { total: 5, deleted: 3, updated: 1 })).done).toBe(4);
    expect(progressOf(rowsRun({}, { total: 5, deleted: 3, updated: 1 })).done).toBe(1);
  });
  it("is never more than there is, and full for a run that has completed", () => {
    expect(progressOf(run({}, { total: 3, copied: 5 })).done).toBe(3);
    expect(share(run({ status: "completed", ended_at: "2026-11-21T10:01:00Z" }))).toBe(100);
  });
});

describe("figures of rows", () => {
  const rows = { total: 9, inserted: 4, updated: 2, unchanged: 1, rejected: 1, failed: 1 };
  it("of a dry run say what would be written, and call nothing of it good", () => {
    const figures = figuresOf(rowsRun({ mode: "dry_run", dry_run: true }, rows));
    expect(figures.slice(0, 3)).toEqual([
      ["Rows", 9, "plain"],
      ["Would be inserted", 4, "plain"],
      ["Would be updated", 2, "plain"],
    ]);
  });
  it("of a load say what was written", () => {
    expect(outcomeOf(rowsRun({ status: "completed" }, rows))).toBe("Inserted: 4 · Updated: 2 · Unchanged: 1 · Rejected: 1 · Failed: 1");
  });
  it("of an undo say what became of the rows that the load wrote", () => {
    const undone = { total: 7, updated: 2, deleted: 4, rejected: 1 };
    expect(outcomeOf(rowsRun({ kind: "undo" }, undone))).toBe("Restored: 2 · Deleted: 4 · Left alone: 1");
    expect(outcomeOf(rowsRun({ kind: "undo", dry_run: true }, undone))).toBe(
      "Would be restored: 2 · Would be deleted: 4 · Left alone: 1",
    );
  });
});

describe("rate", () => {
  it("is that of the last half minute", () => {
    let samples = sampled([], { at: 0, done: 0 });
    samples = sampled(samples, { at: 20_000, done: 100 });
    samples = sampled(samples, { at: 40_000, done: 500 });
    expect(samples).toHaveLength(2);
    expect(rateOf(samples)).toBe(20);
    expect(remaining({ done: 500, total: 1500 }, 20)).toBe(50);
  });
  it("begins anew where a count falls, as it does in another phase", () => {
    expect(sampled([{ at: 0, done: 90 }], { at: 1000, done: 2 })).toEqual([{ at: 1000, done: 2 }]);
  });
  it("is not told from a single look", () => {
    expect(rateOf([{ at: 0, done: 5 }])).toBeNull();
    expect(remaining({ done: 5, total: 10 }, null)).toBeNull();
  });
});

it("names runs as people do", () => {
  expect([titleOf(run({})), titleOf(run({ kind: "cutover", mode: "dry_run", dry_run: true }))]).toEqual(["Full backup", "Cutover, dry run"]);
});

it("shows who approves a load its rows, and who approves a cutover its files", () => {
  const loaded = approvalFigures(rowsRun({}, {}), { total: 3, inserted: 2, rejected: 1 });
  expect(loaded.slice(0, 2)).toEqual([
    ["Rows", 3, "plain"],
    ["Would be inserted", 2, "plain"],
  ]);
  expect(approvalFigures(run({ kind: "cutover" }), { total: 3, to_switch: 2 })[2]).toEqual(["Would be switched", 2, "plain"]);
});

it("says of each row what the run makes of it", () => {
  expect([outcomeWords({ kind: "undo", dry_run: true }, "updated"), outcomeWords({ kind: "sync", dry_run: false }, "rejected")]).toEqual([
    "Would be restored",
    "In conflict",
  ]);
});
