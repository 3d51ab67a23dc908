// Asks before something that cannot be taken back lightly; where `word` is given, it is to be typed.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useState } from "react";

export function Confirm(props: {
  visible: boolean;
  title: string;
  action: string;
  word?: string;
  disabled?: boolean;
  children: ReactNode;
  onDismiss: () => void;
  onConfirm: () => void;
}) {
  const { visible, title, action, word, disabled = false, children, onDismiss, onConfirm } = props;
  const [typed, setTyped] = useState("");
  const leave = (then: () => void) => {
    setTyped("");
    then();
  };
  return (
    <Modal
      visible={visible}
      header={title}
      onDismiss={() => leave(onDismiss)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => leave(onDismiss)}>
              Leave it
            </Button>
            <Button variant="primary" disabled={disabled || (word !== undefined && typed.trim().toLowerCase() !== word)} onClick={() => leave(onConfirm)}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <div>{children}</div>
        {word ? (
          <FormField label={`To confirm, type: ${word}`}>
            <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} autoComplete={false} autoFocus />
          </FormField>
        ) : null}
      </SpaceBetween>
    </Modal>
  );
}
