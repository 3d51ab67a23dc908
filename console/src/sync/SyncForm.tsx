// A sync that is begun by hand: which workbook, which objects, of which org, and somebody's copy of it if there is one.
import Checkbox from "@cloudscape-design/components/checkbox";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FileUpload from "@cloudscape-design/components/file-upload";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useOrgs } from "../api/asking";
import { given } from "../api/client";
import { useApi } from "../app/context";
import { FormEnd } from "../parts/FormEnd";
import { bytes } from "../parts/format";
import { CHOOSE_FILE } from "../parts/uploading";
import { upload } from "../records/loads";
import { useStart } from "../run/useStart";
import { type Draft, EMPTY, bodyOf, faultOf, nameOf } from "./draft";

// `known`: names of workbooks that were synced before.
export function SyncForm({ known, onDone }: { known: string[]; onDone: () => void }) {
  const api = useApi();
  const orgs = useOrgs();
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [file, setFile] = useState<File | null>(null);
  const change = (changes: Partial<Draft>) => setDraft((was) => ({ ...was, ...changes }));
  const objects = useQuery({
    queryKey: ["objects", draft.org],
    queryFn: () => given(api.GET("/api/data/objects", { params: { query: { org: draft.org } } })),
    staleTime: 300_000,
  });
  const places = (orgs.data?.items ?? []).filter((org) => org.connected).map((org) => ({ value: org.name, label: org.name, labelTag: org.production ? "Production" : "Sandbox" }));
  const options = (objects.data?.objects ?? []).map((each) => ({ value: each.name, label: each.name, description: each.label }));
  const fault = faultOf(draft, file !== null || known.includes(draft.workbook));
  const run = useStart();
  const start = useMutation({ mutationFn: async () => run.mutateAsync(bodyOf(draft, file ? await upload(api, file) : null)) });
  const take = (chosen: File | undefined) => {
    setFile(chosen ?? null);
    if (chosen && !draft.workbook) change({ workbook: nameOf(chosen.name) });
  };
  return (
    <Container header={<Header variant="h2">Sync a workbook</Header>}>
      <SpaceBetween size="l">
        <ColumnLayout columns={2}>
          <FormField label="Workbook" description="The name under which Waybill keeps it.">
            <Input value={draft.workbook} onChange={({ detail }) => change({ workbook: detail.value })} placeholder="prices" />
          </FormField>
          <FormField label="Org" description="It is only read.">
            <Select
              options={places}
              selectedOption={places.find((each) => each.value === draft.org) ?? { value: draft.org, label: draft.org }}
              triggerVariant="option"
              statusType={orgs.isPending ? "loading" : "finished"}
              onChange={({ detail }) => change({ org: detail.selectedOption.value ?? draft.org, objects: [] })}
            />
          </FormField>
          <FormField label="Objects" description="A sheet for each. None: those that the workbook holds already.">
            <Multiselect
              options={options}
              selectedOptions={options.filter((each) => draft.objects.includes(each.value))}
              filteringType="auto"
              placeholder="Choose objects"
              statusType={objects.isPending ? "loading" : objects.isError ? "error" : "finished"}
              errorText={objects.error?.message ?? ""}
              deselectAriaLabel={(each) => `Leave out ${each.label ?? ""}`}
              onChange={({ detail }) => change({ objects: detail.selectedOptions.flatMap((each) => each.value ?? []) })}
            />
          </FormField>
          <FormField label="Your copy of it" description="Taken up with your columns, formats and formulas. None: the one that Waybill keeps, or a new one.">
            <FileUpload
              value={file ? [file] : []}
              onChange={({ detail }) => take(detail.value[0])}
              accept=".xlsx"
              showFileSize
              i18nStrings={{ ...CHOOSE_FILE, formatFileSize: bytes }}
            />
          </FormField>
        </ColumnLayout>
        <SpaceBetween size="xs">
          <Checkbox checked={draft.full} onChange={({ detail }) => change({ full: detail.checked })} description="Not only those that have changed: values of formula fields, too.">
            Read all records
          </Checkbox>
          {file ? (
            <Checkbox checked={draft.replace} onChange={({ detail }) => change({ replace: detail.checked })} description="Also where somebody else's copy was taken up since yours was made: what he edited is lost.">
              Replace the kept workbook
            </Checkbox>
          ) : null}
        </SpaceBetween>
        <FormEnd action="Start the sync" fault={fault} refused="It was not started" sending={start} onLeave={onDone} />
      </SpaceBetween>
    </Container>
  );
}
