// Files by state as one bar, its parts told in words beside it.
import "./StateBar.css";
import { count, percent } from "./format";
import { FILE } from "./Status";

const ORDER = [
  "switched",
  "verified",
  "rolled_back",
  "copied",
  "discovered",
  "source_archived",
  "excluded",
  "entry_deleted",
  "conflict",
  "source_missing",
  "failed",
];

function parts(states: Record<string, number>): [string, number][] {
  return ORDER.map((state): [string, number] => [state, states[state] ?? 0]).filter(([, number]) => number > 0);
}

function inWords(states: Record<string, number>, between: string): string {
  return parts(states)
    .map(([state, number]) => `${nameOf(state)}: ${count(number)}`)
    .join(between);
}

function nameOf(state: string): string {
  return FILE[state]?.[1] ?? state;
}

// The same in words alone; `none` where there are no files.
export function StatesTold({ states, none }: { states: Record<string, number>; none: string }) {
  return <span className="figure">{inWords(states, " · ") || none}</span>;
}

export function StateBar({ states, legend = false, rest = 0 }: { states: Record<string, number>; legend?: boolean; rest?: number }) {
  const found = parts(states);
  const total = found.reduce((sum, [, number]) => sum + number, rest);
  return (
    <div>
      <div className="bar" role="img" aria-label={inWords(states, ", ") || "No files yet"}>
        {found.map(([state, number]) => (
          <span key={state} className={`bar-part state-${state}`} style={{ flexGrow: number / Math.max(total, 1) }} />
        ))}
        {rest > 0 || !found.length ? <span className="bar-part" style={{ flexGrow: rest / Math.max(total, 1) || 1 }} /> : null}
      </div>
      {legend ? (
        <ul className="legend">
          {found.map(([state, number]) => (
            <li key={state}>
              <span className={`dot state-${state}`} aria-hidden />
              {nameOf(state)} <b className="figure">{count(number)}</b> <span className="quiet">{percent(number, total)}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
