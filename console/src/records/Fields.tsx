// An object's fields.
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import { useQuery } from "@tanstack/react-query";
import { given } from "../api/client";
import type { FieldView } from "../api/types";
import { useApi } from "../app/context";
import { Empty, ErrorBox } from "../parts/Loaded";
import { count } from "../parts/format";

export function useFields(object: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["fields", object],
    queryFn: () => given(api.GET("/api/data/objects/{name}/fields", { params: { path: { name: object } } })),
    enabled: object !== "",
    staleTime: 300_000,
  });
}

export function Fields({ object }: { object: string }) {
  const fields = useFields(object);
  if (fields.isError) return <ErrorBox error={fields.error} again={() => void fields.refetch()} />;
  return (
    <Table
      items={fields.data?.fields ?? []}
      loading={fields.isPending}
      loadingText="Loading fields"
      trackBy="name"
      wrapLines
      enableKeyboardNavigation
      header={
        <Header variant="h2" counter={fields.data ? `(${count(fields.data.fields.length)})` : ""}>
          Fields of {object}
        </Header>
      }
      empty={<Empty title="No fields" />}
      columnDefinitions={[
        { id: "name", header: "Name", cell: (field) => field.name, isRowHeader: true, minWidth: 180 },
        { id: "label", header: "Label", cell: (field) => field.label, minWidth: 160 },
        { id: "type", header: "Type", cell: typeOf, minWidth: 150 },
        { id: "must", header: "Required", cell: (field) => (field.required ? "Yes" : "–"), minWidth: 90 },
        { id: "key", header: "Key", cell: (field) => (field.external_id ? "External id" : field.unique ? "Unique" : "–"), minWidth: 110 },
        { id: "values", header: "Values or objects", cell: (field) => [...field.reference_to, ...field.values].slice(0, 12).join(", ") || "–", minWidth: 200 },
      ]}
    />
  );
}

function typeOf(field: FieldView): string {
  return field.length ? `${field.type}, up to ${count(field.length)}` : field.type;
}
