// Saved mappings: which column of a table goes into which field. Versioned; a new one begins from a CSV file's columns.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import type { MappingHead } from "../api/types";
import { useApi, useMay, useWaybill } from "../app/context";
import { Confirm } from "../parts/Confirm";
import { Empty, Failed } from "../parts/Loaded";
import { time } from "../parts/format";
import { MappingEditor } from "../records/MappingEditor";
import { MappingRules } from "../records/MappingRules";

export function Component() {
  const api = useApi();
  const admin = useMay("admin");
  const { tell } = useWaybill();
  const queries = useQueryClient();
  const [shown, setShown] = useState<MappingHead[]>([]);
  const [making, setMaking] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const mappings = useQuery({ queryKey: ["mappings"], queryFn: () => given(api.GET("/api/mappings", { params: { query: { limit: 1000 } } })) });
  const chosen = shown[0];
  const remove = useMutation({
    mutationFn: (name: string) => given(api.DELETE("/api/mappings/{name}", { params: { path: { name } } })),
    onSuccess: ({ deleted }) => tell({ type: "success", content: `${deleted} is deleted. What was loaded by it stays as it is.` }),
    onError: (error) => tell({ type: "error", content: error.message }),
    onSettled: () => {
      setShown([]);
      void queries.invalidateQueries({ queryKey: ["mappings"] });
    },
  });
  return (
    <SpaceBetween size="l">
      <Failed query={mappings} />
      <Table
        items={mappings.data?.items ?? []}
        loading={mappings.isPending}
        loadingText="Loading mappings"
        trackBy="name"
        selectionType="single"
        selectedItems={shown}
        onSelectionChange={({ detail }) => {
          setShown(detail.selectedItems);
          setMaking(false);
        }}
        ariaLabels={{ selectionGroupLabel: "Mappings", itemSelectionLabel: (_, each) => `Show ${each.name}` }}
        enableKeyboardNavigation
        header={
          <Header
            variant="h1"
            description="How the columns of your files become fields. A load goes by the version that it began with."
            actions={
              admin ? (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button disabled={!chosen} onClick={() => setDeleting(true)}>
                    Delete
                  </Button>
                  <Button
                    variant="primary"
                    onClick={() => {
                      setShown([]);
                      setMaking(true);
                    }}
                  >
                    New mapping
                  </Button>
                </SpaceBetween>
              ) : null
            }
          >
            Mappings
          </Header>
        }
        empty={<Empty title="No mappings yet">Where columns are named as fields, none is needed.</Empty>}
        columnDefinitions={[
          { id: "name", header: "Name", cell: (each) => each.name, isRowHeader: true, minWidth: 200 },
          { id: "version", header: "Version", cell: (each) => each.version, minWidth: 90 },
          { id: "at", header: "Saved", cell: (each) => time(each.saved_at), minWidth: 190 },
          { id: "by", header: "By", cell: (each) => each.saved_by, minWidth: 120 },
        ]}
      />
      {making ? <MappingEditor onDone={() => setMaking(false)} /> : chosen ? <MappingRules name={chosen.name} /> : null}
      <Confirm
        visible={deleting && chosen !== undefined}
        title={`Delete ${chosen?.name ?? ""}?`}
        action="Delete the mapping"
        onDismiss={() => setDeleting(false)}
        onConfirm={() => {
          setDeleting(false);
          if (chosen) remove.mutate(chosen.name);
        }}
      >
        Loads that went by it stay as they are; new ones cannot name it any more.
      </Confirm>
    </SpaceBetween>
  );
}
