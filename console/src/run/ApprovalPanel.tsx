// A cutover that waits for a second person: what was asked, the dry run's figures, the decision.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import type { Approval, RunView } from "../api/types";
import { useMay, useWaybill } from "../app/context";
import { Go } from "../parts/Go";
import { Place } from "../parts/Place";
import { count, time, words } from "../parts/format";
import { approvalFigures } from "../parts/runs";
import { OWN } from "../records/loads";
import { useAct } from "./Controls";

// Who has asked may not decide: `requested_by` is the name, with more behind it where the API knows more.
export function askedBy(approval: Approval, name: string): boolean {
  return approval.requested_by === name || approval.requested_by.startsWith(`${name} `);
}

export function ApprovalPanel({ run, approval }: { run: RunView; approval: Approval }) {
  const admin = useMay("admin");
  const { me } = useWaybill();
  const act = useAct(run);
  const [rejecting, setRejecting] = useState(false);
  const [reason, setReason] = useState("");
  const waiting = approval.state === "waiting" && run.status === "awaiting_approval";
  const own = askedBy(approval, me.name);
  const figures = approval.figures ? approvalFigures(run, approval.figures) : [];
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            waiting && admin && !own ? (
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => setRejecting(true)}>Reject</Button>
                <Button variant="primary" loading={act.isPending} onClick={() => act.mutate({ verb: "approve", done: "Approved: the run begins." })}>
                  Approve
                </Button>
              </SpaceBetween>
            ) : null
          }
        >
          Approval
        </Header>
      }
    >
      <SpaceBetween size="m">
        {waiting ? (
          <Alert type="warning">
            {own
              ? "You have asked for this run: another administrator decides about it."
              : admin
                ? `Look at the dry run before you decide. Once approved, ${run.rows ? "rows" : "links"} in Salesforce are written.`
                : "An administrator who has not asked for it decides about this run."}
          </Alert>
        ) : null}
        <KeyValuePairs
          columns={4}
          items={[
            { label: "State", value: words(approval.state) },
            { label: "Writes to", value: <Place name={run.org ?? OWN} /> },
            { label: "Asked for", value: `${approval.requested_by}, ${time(approval.requested_at)}` },
            ...(approval.decided_by ? [{ label: "Decided", value: `${approval.decided_by}, ${time(approval.decided_at)}` }] : []),
            ...(approval.reason ? [{ label: "Reason", value: approval.reason }] : []),
            ...(waiting ? [{ label: "Waits until", value: time(approval.until) }] : []),
            {
              label: "Last dry run",
              value: approval.dry_run ? <Go to={`/runs/${approval.dry_run}`}>{time(approval.dry_run_ended_at)}</Go> : "There was none",
            },
            ...figures.map(([label, number]) => ({ label, value: <b className="figure">{count(number)}</b> })),
          ]}
        />
      </SpaceBetween>
      <Modal
        visible={rejecting}
        header="Reject this run?"
        onDismiss={() => setRejecting(false)}
        footer={
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => setRejecting(false)}>
              Leave it
            </Button>
            <Button
              variant="primary"
              disabled={!reason.trim()}
              onClick={() => {
                setRejecting(false);
                act.mutate({ verb: "reject", body: { reason: reason.trim() }, done: "Rejected: nothing was written." });
              }}
            >
              Reject
            </Button>
          </SpaceBetween>
        }
      >
        <FormField label="Why" description="The one who asked reads it, and it stands in the audit.">
          <Textarea value={reason} onChange={({ detail }) => setReason(detail.value)} />
        </FormField>
      </Modal>
    </Container>
  );
}
