// States of runs and files: an icon and a word, never a colour alone.
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { words } from "./format";

const RUN: Record<string, [StatusIndicatorProps.Type, string]> = {
  running: ["in-progress", "Running"],
  awaiting_approval: ["pending", "Awaiting approval"],
  paused: ["stopped", "Paused"],
  completed: ["success", "Completed"],
  failed: ["error", "Failed"],
  cancelled: ["stopped", "Cancelled"],
  refused: ["warning", "Refused"],
};

export function RunStatus({ status, problems = 0 }: { status: string; problems?: number }) {
  const [type, text] = RUN[status] ?? (["info", words(status)] as const);
  if (status === "completed" && problems > 0) return <StatusIndicator type="warning">With problems</StatusIndicator>;
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

export const FILE: Record<string, [StatusIndicatorProps.Type, string]> = {
  discovered: ["pending", "Discovered"],
  copied: ["in-progress", "Copied"],
  verified: ["success", "Verified"],
  switched: ["success", "Switched"],
  rolled_back: ["stopped", "Rolled back"],
  failed: ["error", "Failed"],
  source_missing: ["error", "Source missing"],
  source_archived: ["warning", "Source archived"],
  conflict: ["warning", "Conflict"],
  excluded: ["stopped", "Excluded"],
  entry_deleted: ["stopped", "Entry deleted"],
};

export function FileStatus({ state }: { state: string }) {
  const [type, text] = FILE[state] ?? (["info", words(state)] as const);
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}
