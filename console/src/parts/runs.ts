// What a run's counts mean: how far it is, how fast, and what may be asked of it.
import type { FilesCounts, RowsCounts, RunView } from "../api/types";
import { count } from "./format";

export interface Progress {
  done: number;
  total: number;
}

// How many files, or rows, of how many are dealt with: the same sums as the command shows.
export function progressOf(run: RunView): Progress {
  let done: number;
  let total: number;
  const { files, rows } = run;
  if (rows) {
    // Rows that an undo deletes are its input; those that a load deletes are none of its own.
    done = rows.inserted + rows.updated + rows.unchanged + rows.rejected + rows.failed + (run.kind === "undo" ? rows.deleted : 0);
    total = rows.total;
  } else if (!files) {
    return { done: 0, total: 0 };
  } else if (run.kind === "rollback") {
    // What is to be restored is a dry run's count; a rollback that writes has restored it.
    done = files.rolled_back + files.to_restore + files.conflicts + files.failed;
    total = files.total;
  } else if (run.kind === "cutover" && files.switched) {
    done = files.switched + files.held_back + files.conflicts + files.failed;
    total = files.total;
  } else {
    done = files.copied + files.skipped + files.failed;
    total = files.total;
  }
  return { done: Math.min(done, total), total };
}

export function share(run: RunView): number {
  if (run.ended_at && run.status === "completed") return 100;
  const { done, total } = progressOf(run);
  return total ? Math.floor((100 * done) / total) : 0;
}

const LIVE: ReadonlySet<string> = new Set(["running", "awaiting_approval"]);

export function isLive(run: RunView): boolean {
  return LIVE.has(run.status);
}

export function unitOf(run: RunView): string {
  return run.rows ? "rows" : "files";
}

export interface Sample {
  at: number; // milliseconds
  done: number;
}

const WINDOW = 30_000;

// The samples that a rate is told from, with a new one: those of the last half minute.
export function sampled(samples: readonly Sample[], next: Sample): Sample[] {
  const last = samples.at(-1);
  if (last && next.done < last.done) return [next]; // another phase counts anew
  return [...samples.filter((each) => next.at - each.at <= WINDOW), next];
}

// Per second; null until two samples differ in time.
export function rateOf(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 2_000) return null;
  return (1000 * (last.done - first.done)) / (last.at - first.at);
}

// Seconds; null where nothing can be told.
export function remaining(progress: Progress, rate: number | null): number | null {
  const left = progress.total - progress.done;
  return rate && rate > 0 && progress.total > 0 ? left / rate : null;
}

export const KINDS: Record<string, string> = {
  backup: "Backup",
  cutover: "Cutover",
  rollback: "Rollback",
  load: "Load",
  undo: "Undo",
  sync: "Sync",
};

export function titleOf(run: Pick<RunView, "kind" | "mode" | "dry_run">): string {
  const kind = KINDS[run.kind] ?? run.kind;
  if (run.kind === "backup") return `${run.mode === "full" ? "Full" : "Incremental"} backup${run.dry_run ? ", dry run" : ""}`;
  return run.dry_run ? `${kind}, dry run` : kind;
}

type Figure = [string, number, "good" | "bad" | "plain"];

// The counts that say something of this kind of run, in the order in which they come about.
export function figuresOf(run: RunView): Figure[] {
  return run.rows ? rowsFigures(run.kind, run.rows, run.dry_run) : filesFigures(run.kind, run.files, run.dry_run);
}

const LOADED = { inserted: "Inserted", updated: "Updated", deleted: "Deleted", unchanged: "Unchanged", rejected: "Rejected", failed: "Failed" };
// An undo has no input: what it looks at are the rows that the load wrote.
const UNDONE = { ...LOADED, inserted: "Created again", updated: "Restored", unchanged: "Nothing to do", rejected: "Left alone" };
const SYNCED = { ...LOADED, inserted: "New", deleted: "Deleted in Salesforce", rejected: "In conflict" };
const namesOf = (kind: string) => (kind === "undo" ? UNDONE : kind === "sync" ? SYNCED : LOADED);
const WRITTEN = new Set(["inserted", "updated", "deleted"]);

// What a report's word for a row means for this kind of run.
export function outcomeWords(run: Pick<RunView, "kind" | "dry_run">, outcome: string): string {
  const said = (namesOf(run.kind) as Record<string, string>)[outcome] ?? outcome;
  return run.dry_run && WRITTEN.has(outcome) ? `Would be ${said.toLowerCase()}` : said;
}

function rowsFigures(kind: string, rows: RowsCounts, dryRun: boolean): Figure[] {
  const names = namesOf(kind);
  // A dry run has decided about each row, and written none.
  const written = (name: string, number: number): Figure =>
    dryRun ? [`Would be ${name.toLowerCase()}`, number, "plain"] : [name, number, "good"];
  return [
    ["Rows", rows.total, "plain"],
    written(names.inserted, rows.inserted),
    written(names.updated, rows.updated),
    ...(rows.deleted ? [written(names.deleted, rows.deleted)] : []),
    [names.unchanged, rows.unchanged, "plain"],
    [names.rejected, rows.rejected, "bad"],
    ...(kind === "sync" || dryRun ? [] : [[names.failed, rows.failed, "bad"] satisfies Figure]),
  ];
}

export function filesFigures(
  kind: string,
  files: Partial<FilesCounts> | undefined | null,
  dryRun: boolean,
): Figure[] {
  const of = (name: keyof FilesCounts) => files?.[name] ?? 0;
  const trouble: [string, number, "bad"][] = [
    ["Held back", of("held_back"), "bad"],
    ["Conflicts", of("conflicts"), "bad"],
    ["Failed", of("failed"), "bad"],
  ];
  if (kind === "rollback")
    return [
      ["Files", of("total"), "plain"],
      dryRun ? ["Would be restored", of("to_restore"), "plain"] : ["Rolled back", of("rolled_back"), "good"],
      ["Conflicts", of("conflicts"), "bad"],
      ["Failed", of("failed"), "bad"],
    ];
  if (kind === "cutover")
    return [
      ["Files", of("total"), "plain"],
      dryRun ? ["Would be copied", of("to_copy"), "plain"] : ["Copied", of("copied"), "good"],
      dryRun ? ["Would be switched", of("to_switch"), "plain"] : ["Switched", of("switched"), "good"],
      ...trouble,
    ];
  return [
    ["Files", of("total"), "plain"],
    dryRun ? ["Would be copied", of("to_copy"), "plain"] : ["Copied", of("copied"), "good"],
    ["Verified", of("verified"), "good"],
    ["Skipped", of("skipped"), "plain"],
    ["Failed", of("failed"), "bad"],
  ];
}

// What the dry run of a run that waits for an approval has found.
export function approvalFigures(run: RunView, figures: Record<string, number>): Figure[] {
  return run.rows ? rowsFigures(run.kind, { ...run.rows, ...figures }, true) : filesFigures(run.kind, figures, true);
}

// Files or rows that need a look.
export function problemsOf(run: RunView): number {
  const { files, rows } = run;
  return (files ? files.failed + files.held_back + files.conflicts : 0) + (rows ? rows.failed + rows.rejected : 0);
}

export function outcomeOf(run: RunView): string {
  if (run.status === "refused" || run.status === "failed") return run.message;
  const told = figuresOf(run)
    .slice(1)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => `${name}: ${count(number)}`);
  return told.join(" · ") || "–";
}

// A backup within a cutover is asked for by that run.
export function askedBy(run: RunView): string {
  return run.requested_by.startsWith("cutover-") ? "Its cutover" : run.requested_by;
}
