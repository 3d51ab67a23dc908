// Makes the links to one file, or to all files of an account, stop opening.
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { Confirm } from "../parts/Confirm";
import { useLinkAct } from "./act";

const ENTRY = { value: "entry", label: "One file, by its entry" };
const ACCOUNT = { value: "account", label: "All files of an account" };
const ID = /^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$/;

export function RevokeForm() {
  const act = useLinkAct();
  const [scope, setScope] = useState(ENTRY);
  const [id, setId] = useState("");
  const [reason, setReason] = useState("");
  const [asking, setAsking] = useState(false);
  const wrong = ID.test(id.trim()) ? "" : "An id has 15 or 18 letters and digits.";
  const named = scope.value === "entry" ? { entry_id: id.trim() } : { account_id: id.trim() };
  return (
    <Container
      header={
        <Header variant="h2" description="At once. Salesforce and the files stay as they are.">
          Revoke links
        </Header>
      }
    >
      <SpaceBetween size="m">
        <ColumnLayout columns={3}>
          <FormField label="Of what">
            <Select options={[ENTRY, ACCOUNT]} selectedOption={scope} onChange={({ detail }) => setScope(detail.selectedOption.value === "account" ? ACCOUNT : ENTRY)} />
          </FormField>
          <FormField label="Id" errorText={id ? wrong : ""}>
            <Input value={id} onChange={({ detail }) => setId(detail.value)} placeholder={scope.value === "entry" ? "a0X..." : "001..."} />
          </FormField>
          <FormField label="Why" description="It is shown in the list and in the audit.">
            <Input value={reason} onChange={({ detail }) => setReason(detail.value)} />
          </FormField>
        </ColumnLayout>
        <Button loading={act.isPending} disabled={wrong !== ""} disabledReason={wrong} onClick={() => setAsking(true)}>
          Revoke the links
        </Button>
      </SpaceBetween>
      <Confirm
        visible={asking}
        title="Revoke these links?"
        action="Revoke them"
        onDismiss={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          act.mutate({ does: "revoke", body: { ...named, reason: reason.trim() } }, { onSuccess: () => setId("") });
        }}
      >
        Users who follow the links in Salesforce are told that they do not open. It can be taken back.
      </Confirm>
    </Container>
  );
}
