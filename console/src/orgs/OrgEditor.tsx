// A connection that is added or changed. It is logged in to before it is kept; what is secret is sent, and never shown again.
import Alert from "@cloudscape-design/components/alert";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import type { OrgView } from "../api/types";
import { useApi, useWaybill } from "../app/context";
import { FormEnd } from "../parts/FormEnd";
import { callback } from "./browserLogin";
import { type Credential, type Draft, EMPTY, LOGINS, type Login, bodyOf, draftOf, faultsOf } from "./draft";

const KINDS = [
  { value: "", label: "As the org says" },
  { value: "production", label: "Production" },
  { value: "sandbox", label: "Sandbox" },
];

export function OrgEditor({ before, onDone }: { before: OrgView | null; onDone: () => void }) {
  const api = useApi();
  const { tell } = useWaybill();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(before ? draftOf(before) : EMPTY);
  const change = (changes: Partial<Draft>) => setDraft((was) => ({ ...was, ...changes }));
  const faults = faultsOf(draft, before);
  const save = useMutation({
    mutationFn: () => {
      const { name, ...body } = bodyOf(draft);
      if (!before) return given(api.POST("/api/config/orgs", { body: { name, ...body } }));
      const { credentials, ...rest } = body;
      return given(
        api.PUT("/api/config/orgs/{name}", { params: { path: { name } }, body: Object.keys(credentials).length ? body : rest }),
      );
    },
    onSuccess: (org) => {
      void queries.invalidateQueries({ queryKey: ["orgs"] });
      tell({
        type: "success",
        content: org.connected ? `${org.name} is kept: it is ${org.production ? "PRODUCTION" : "a sandbox"}, ${org.organization || org.login_url}.` : `${org.name} is kept. Now let Waybill in.`,
      });
      onDone();
    },
  });
  return (
    <Container header={<Header variant="h2">{before ? `Change ${before.name}` : "New org"}</Header>}>
      <SpaceBetween size="l">
        <ColumnLayout columns={2}>
          <FormField label="Name" description="As loads and migrations call it." errorText={draft.name ? faults.name : undefined}>
            <Input value={draft.name} disabled={before !== null} onChange={({ detail }) => change({ name: detail.value })} placeholder="uat" />
          </FormField>
          <FormField label="Login address" description="Of My Domain, or of a sandbox." errorText={draft.loginUrl ? faults.loginUrl : undefined}>
            <Input value={draft.loginUrl} onChange={({ detail }) => change({ loginUrl: detail.value })} placeholder="https://acme--uat.sandbox.my.salesforce.com" />
          </FormField>
          <FormField label="How it logs in" stretch>
            <RadioGroup
              value={draft.auth}
              onChange={({ detail }) => change({ auth: detail.value as Login })}
              items={Object.entries(LOGINS).map(([value, { label, description }]) => ({ value, label, description }))}
            />
          </FormField>
          <FormField label="Kind" description="Every question before something is written names it. Production is what is said to be, and what says that it is.">
            <Select
              options={KINDS}
              selectedOption={KINDS.find((each) => each.value === draft.kind) ?? null}
              onChange={({ detail }) => change({ kind: detail.selectedOption.value as Draft["kind"] })}
            />
          </FormField>
        </ColumnLayout>
        <ColumnLayout columns={2}>
          {LOGINS[draft.auth].credentials.map((each) => (
            <FormField key={each.name} label={each.label} description={before ? "Empty: as it is." : undefined}>
              <Secret
                credential={each}
                value={draft.credentials[each.name] ?? ""}
                onChange={(value) => change({ credentials: { ...draft.credentials, [each.name]: value } })}
              />
            </FormField>
          ))}
        </ColumnLayout>
        {draft.auth === "refresh_token" ? (
          <Alert type="info">
            The connected app must know this callback: <span className="mono">{callback()}</span>
          </Alert>
        ) : null}
        <FormEnd
          action={draft.auth === "refresh_token" ? "Save" : "Log in and save"}
          fault={Object.values(faults)[0] ?? ""}
          refused="It was not kept"
          sending={save}
          onLeave={onDone}
        />
      </SpaceBetween>
    </Container>
  );
}

function Secret({ credential, value, onChange }: { credential: Credential; value: string; onChange: (value: string) => void }) {
  const take = ({ detail }: { detail: { value: string } }) => onChange(detail.value);
  return credential.long ? (
    <Textarea value={value} onChange={take} rows={4} spellcheck={false} autoComplete={false} placeholder="-----BEGIN PRIVATE KEY-----" />
  ) : (
    <Input value={value} onChange={take} type={credential.secret ? "password" : "text"} autoComplete={false} spellcheck={false} />
  );
}
