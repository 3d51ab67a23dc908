// What an operator would do next, told from where the migration stands.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { useNavigate } from "react-router";
import type { RunView, StatusView } from "../api/types";
import { useMay } from "../app/context";
import { roleToStart } from "../auth/roles";
import { type Step, nextStep } from "./next";

export function NextStep({ status, runs }: { status: StatusView; runs: RunView[] }) {
  const step = nextStep(status, runs);
  const go = useNavigate();
  const may = useMay(step.start ? roleToStart(step.start.kind, step.start.dryRun) : "viewer");
  return (
    <Alert
      type={step.tone}
      header={step.title}
      action={step.to && may ? <Button onClick={() => void go(step.to ?? "/")}>{step.action}</Button> : undefined}
    >
      {step.text}
    </Alert>
  );
}

export type { Step };
