// The phases of the migration and how their last runs went.
import type { PhaseView, StatusView } from "../api/types";
import { Go } from "./Go";
import { RunStatus } from "./Status";
import { between, count, time } from "./format";
import { filesFigures } from "./runs";

const PHASES = [
  ["backup", "Phase 1: backup", "Copies every file. Salesforce is not touched."],
  ["cutover", "Phase 2: cutover", "Copies the delta, then switches the links."],
  ["rollback", "Way back: rollback", "Puts the old links back."],
] as const;

export function Phases({ status }: { status: StatusView }) {
  return (
    <ul className="phases">
      {PHASES.map(([kind, title, text]) => (
        <li key={kind}>
          <b>{title}</b> <Phase kind={kind} phase={status.phases[kind]} text={text} />
        </li>
      ))}
    </ul>
  );
}

function Phase({ kind, phase, text }: { kind: string; phase: PhaseView | undefined; text: string }) {
  if (!phase) return <div className="quiet">Not run yet. {text}</div>;
  const dry = phase.mode === "dry_run";
  const figures = filesFigures(kind, phase.files, dry).filter(([, number]) => number > 0);
  return (
    <>
      <RunStatus status={phase.status} />
      <div>
        <Go to={`/runs/${phase.run_id}`}>{dry ? "Dry run" : "Run"} of {time(phase.started_at)}</Go>
        {phase.ended_at ? `, took ${between(phase.started_at, phase.ended_at, 0)}` : ""}
      </div>
      <div className="quiet figure">{figures.map(([name, number]) => `${name}: ${count(number)}`).join(" · ")}</div>
    </>
  );
}
