// The end of a form: what went wrong, and the buttons to leave it or to go on.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { said } from "../api/client";

interface Props {
  action: string;
  // Why it cannot be sent as it is; empty where it can.
  fault: string;
  // What is told where it was sent and refused.
  refused: string;
  sending: { isPending: boolean; error: unknown; mutate: () => void };
  onLeave: () => void;
}

export function FormEnd({ action, fault, refused, sending, onLeave }: Props) {
  return (
    <>
      {sending.error ? (
        <Alert type="error" header={refused}>
          {said(sending.error)}
        </Alert>
      ) : null}
      <Box float="right">
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="link" onClick={onLeave}>
            Leave it
          </Button>
          <Button variant="primary" loading={sending.isPending} disabled={fault !== ""} disabledReason={fault} onClick={() => sending.mutate()}>
            {action}
          </Button>
        </SpaceBetween>
      </Box>
    </>
  );
}
