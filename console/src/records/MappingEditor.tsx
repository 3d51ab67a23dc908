// A new mapping of one table: its columns, from a CSV file or typed, and the field that each goes into.
import Alert from "@cloudscape-design/components/alert";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FileUpload from "@cloudscape-design/components/file-upload";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import { useApi, useWaybill } from "../app/context";
import { FormEnd } from "../parts/FormEnd";
import { CHOOSE_FILE } from "../parts/uploading";
import { useFields } from "./Fields";
import { columnsOf, guess } from "./loads";

const LEFT: SelectProps.Option = { value: "", label: "Left out" };
const LACKING = "A mapping needs a name, an object, a sheet or file, and a field for a column.";

export function MappingEditor({ onDone }: { onDone: () => void }) {
  const api = useApi();
  const { tell } = useWaybill();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [table, setTable] = useState("");
  const [object, setObject] = useState("");
  const [key, setKey] = useState("");
  const [text, setText] = useState("");
  const [own, setOwn] = useState<Record<string, string>>({});
  const objects = useQuery({ queryKey: ["objects"], queryFn: () => given(api.GET("/api/data/objects")), staleTime: 300_000 });
  const fields = useFields(object);
  const known = fields.data?.fields ?? [];
  const columns = [...new Set(text.split("\n").map((each) => each.trim()).filter(Boolean))];
  const fieldOf = (column: string) => own[column] ?? guess(column, known);
  const rules = columns.map((column) => ({ field: fieldOf(column), column })).filter((rule) => rule.field);
  const doubled = rules.find((rule, at) => rules.findIndex((each) => each.field === rule.field) !== at);
  const twice = doubled ? `${doubled.field} is the field of two columns: leave one out.` : "";
  const fault = name && table && object && rules.length ? twice : LACKING;
  const save = useMutation({
    mutationFn: () =>
      api.raw("/api/mappings", {
        method: "POST",
        body: JSON.stringify({ name, tables: [{ table, object, external_id: key, rules }] }),
        headers: { "Content-Type": "application/json" },
      }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["mappings"] });
      tell({ type: "success", content: `${name} is saved. Name it in a load.` });
      onDone();
    },
  });
  const take = (files: File[]) => {
    const file = files[0];
    if (!file) return;
    setTable((before) => before || file.name);
    void columnsOf(file).then((found) => setText(found.join("\n")));
  };
  const options = (objects.data?.objects ?? []).map((each) => ({ value: each.name, label: each.label, description: each.name }));
  const fieldOptions = [LEFT, ...known.map((each) => ({ value: each.name, label: each.name, description: each.label }))];
  return (
    <Container header={<Header variant="h2">New mapping</Header>}>
      <SpaceBetween size="l">
        <ColumnLayout columns={2}>
          <FormField label="Name">
            <Input value={name} onChange={({ detail }) => setName(detail.value)} placeholder="price-list" />
          </FormField>
          <FormField label="Object">
            <Select
              filteringType="auto"
              options={options}
              selectedOption={options.find((each) => each.value === object) ?? null}
              placeholder="Choose an object"
              statusType={objects.isPending ? "loading" : "finished"}
              onChange={({ detail }) => setObject(detail.selectedOption.value ?? "")}
            />
          </FormField>
          <FormField label="Sheet or file" description="As the workbook calls the sheet, or the file's name.">
            <Input value={table} onChange={({ detail }) => setTable(detail.value)} placeholder="Prices" />
          </FormField>
          <FormField label="Key" description="The field that tells rows apart. Empty: as the org has it.">
            <Input value={key} onChange={({ detail }) => setKey(detail.value)} />
          </FormField>
          <FormField label="Columns" description="One a line; or choose a CSV file, whose first line has them.">
            <Textarea value={text} onChange={({ detail }) => setText(detail.value)} rows={6} />
          </FormField>
          <FormField label="CSV file to take the columns from">
            <FileUpload
              value={[]}
              onChange={({ detail }) => take(detail.value)}
              accept=".csv,.tsv,.txt"
              i18nStrings={CHOOSE_FILE}
            />
          </FormField>
        </ColumnLayout>
        {columns.length && object ? (
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">Column</th>
                <th scope="col">Field</th>
              </tr>
            </thead>
            <tbody>
              {columns.map((column) => (
                <tr key={column}>
                  <td>{column}</td>
                  <td className="wide">
                    <Select
                      ariaLabel={`Field of ${column}`}
                      filteringType="auto"
                      options={fieldOptions}
                      selectedOption={fieldOptions.find((each) => each.value === fieldOf(column)) ?? LEFT}
                      onChange={({ detail }) => setOwn((before) => ({ ...before, [column]: detail.selectedOption.value ?? "" }))}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
        {twice ? <Alert type="warning">{twice}</Alert> : null}
        <FormEnd action="Save" fault={fault} refused="It was not saved" sending={save} onLeave={onDone} />
      </SpaceBetween>
    </Container>
  );
}
