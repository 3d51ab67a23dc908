// The rule behind "what next".
import type { RunView, StatusView } from "../api/types";
import { isLive, titleOf } from "./runs";

export interface Step {
  tone: "info" | "success" | "warning";
  title: string;
  text: string;
  action?: string;
  to?: string;
  // What the action starts: not everybody may.
  start?: { kind: string; dryRun: boolean };
}

export function nextStep(status: StatusView, runs: readonly RunView[]): Step {
  const live = runs.find(isLive);
  const { files, phases } = status;
  if (live?.status === "awaiting_approval")
    return {
      tone: "warning",
      title: "A cutover awaits approval",
      text: `${live.requested_by} has asked for it. Another administrator looks at the dry run's figures, and approves or rejects.`,
      action: "Look at it",
      to: `/runs/${live.run_id}`,
    };
  if (live)
    return { tone: "info", title: `${titleOf(live)} is running`, text: "Follow it live.", action: "Follow", to: `/runs/${live.run_id}` };
  if (!phases.backup || !files.total)
    return {
      tone: "info",
      title: "Next: back up",
      text: "Phase 1 copies every file that Salesforce points to. It writes nothing to Salesforce, and users notice nothing.",
      action: "Start a backup",
      to: "/start?kind=backup",
      start: { kind: "backup", dryRun: false },
    };
  if (files.switched && !files.verified)
    return {
      tone: "success",
      title: "Cut over",
      text: "Every verified file is reached by its new link. A rollback puts the old links back, at any time.",
      action: "Plan a rollback",
      to: "/start?kind=rollback",
      start: { kind: "rollback", dryRun: true },
    };
  const rehearsed = runs.find((run) => run.kind === "cutover" && run.dry_run && run.status === "completed");
  if (!rehearsed)
    return {
      tone: "info",
      title: "Next: rehearse the cutover",
      text: "A dry run shows each link that would be switched, and writes nothing.",
      action: "Dry run",
      to: "/start?kind=cutover&mode=dry_run",
      start: { kind: "cutover", dryRun: true },
    };
  return {
    tone: "info",
    title: "Next: cut over",
    text: "The dry run's result is there. The cutover copies what changed since the backup, and switches verified files only.",
    action: "Plan the cutover",
    to: "/start?kind=cutover&mode=execute",
    start: { kind: "cutover", dryRun: false },
  };
}
