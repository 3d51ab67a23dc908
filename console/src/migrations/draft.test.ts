import { expect, it } from "vitest";
import type { MigrationView } from "../api/types";
import { USUAL, bodyOf, draftOf, faultOf } from "./draft";

const RUN = { run_id: "load-1", kind: "load", status: "completed", dry_run: false, started_at: "", ended_at: null } as const;
const VIEW: MigrationView = {
  id: "m1", name: "Spring", org: "uat", status: "under_way", phase: 1, progress: 50, created_at: "", created_by: "", saved_at: "", saved_by: "", completed_at: null, version: 3,
  phases: [{ name: "Load", status: "done", progress: 100, tasks: [{ name: "Prices", status: "done", runs: [RUN] }] }],
};

it("keeps the runs of a task that is called otherwise now, and says which version it changes", () => {
  const draft = draftOf(VIEW);
  const renamed = { ...draft, phases: draft.phases.map((phase) => ({ ...phase, tasks: phase.tasks.map((task) => ({ ...task, name: " Price books " })) })) };
  expect(bodyOf(renamed)).toEqual({ name: "Spring", org: "uat", version: 3, phases: [{ name: "Load", tasks: [{ name: "Price books", runs: ["load-1"] }] }] });
});

it("needs names, and each task's only once", () => {
  expect([faultOf(USUAL), faultOf({ ...USUAL, name: "Spring" })]).toEqual(["A migration needs a name.", ""]);
  const twice = { name: "Load", tasks: [{ name: "Dry run", runs: [] }] };
  expect(faultOf({ ...USUAL, name: "Spring", phases: [...USUAL.phases, twice] })).toContain("Two tasks are called Dry run");
});
