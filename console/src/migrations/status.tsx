// How far migrations, phases and tasks are: an icon and a word.
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { words } from "../parts/format";

const TYPES: Record<string, StatusIndicatorProps.Type> = {
  planned: "pending",
  open: "pending",
  rehearsed: "info",
  running: "in-progress",
  under_way: "in-progress",
  failed: "error",
  reverted: "stopped",
  done: "success",
};

export function Standing({ status }: { status: string }) {
  return <StatusIndicator type={TYPES[status] ?? "info"}>{words(status)}</StatusIndicator>;
}
