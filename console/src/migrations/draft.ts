// A migration as its form has it, and as the API is asked for it. A task keeps its runs, whatever it is called.
import type { MigrationBody, MigrationView } from "../api/types";
import { OWN } from "../records/loads";

export interface TaskDraft {
  name: string;
  runs: string[];
}

export interface PhaseDraft {
  name: string;
  tasks: TaskDraft[];
}

export interface Draft {
  name: string;
  org: string;
  phases: PhaseDraft[];
  version?: number;
}

// What most migrations begin with.
export const USUAL: Draft = {
  name: "",
  org: OWN,
  phases: [
    { name: "Prepare", tasks: [{ name: "Mappings and template", runs: [] }, { name: "Dry run", runs: [] }] },
    { name: "Load", tasks: [{ name: "Load the records", runs: [] }] },
    { name: "Afterwards", tasks: [{ name: "Check with the business", runs: [] }] },
  ],
};

export function draftOf({ name, org, phases, version }: MigrationView): Draft {
  const tasks = (phase: MigrationView["phases"][number]) => phase.tasks.map((task) => ({ name: task.name, runs: task.runs.map((run) => run.run_id) }));
  return { name, org, phases: phases.map((phase) => ({ name: phase.name, tasks: tasks(phase) })), version };
}

// What is wrong with the form; empty where nothing is.
export function faultOf({ name, phases }: Draft): string {
  if (!name.trim()) return "A migration needs a name.";
  if (phases.some((phase) => !phase.name.trim())) return "Every phase needs a name.";
  const tasks = phases.flatMap((phase) => phase.tasks.map((task) => task.name.trim()));
  if (tasks.includes("")) return "Every task needs a name.";
  const twice = tasks.find((task, at) => tasks.indexOf(task) !== at);
  return twice ? `Two tasks are called ${twice}: a run is added to a task by its name.` : "";
}

export function bodyOf({ name, org, phases, version }: Draft): MigrationBody {
  return {
    name: name.trim(),
    org,
    phases: phases.map((phase) => ({ name: phase.name.trim(), tasks: phase.tasks.map((task) => ({ name: task.name.trim(), runs: task.runs })) })),
    ...(version === undefined ? {} : { version }),
  };
}
