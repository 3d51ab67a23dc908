// The org's objects, their fields, and a workbook to fill in.
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useCollection } from "@cloudscape-design/collection-hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { given } from "../api/client";
import type { ObjectView } from "../api/types";
import { useApi, useWaybill } from "../app/context";
import { Empty, Failed } from "../parts/Loaded";
import { Fields } from "../records/Fields";
import { save } from "../run/report";

const MOST = 25; // objects in a template
const PAGE = 15;

export function Component() {
  const api = useApi();
  const { tell } = useWaybill();
  const [chosen, setChosen] = useState<ObjectView[]>([]);
  const objects = useQuery({ queryKey: ["objects"], queryFn: () => given(api.GET("/api/data/objects")), staleTime: 300_000 });
  const { items, collectionProps, filterProps, paginationProps } = useCollection(objects.data?.objects ?? [], {
    filtering: {
      empty: <Empty title="No objects">The user sees none that rows can be loaded into.</Empty>,
      noMatch: <Empty title="No object is called that">Try a part of its name or label.</Empty>,
    },
    pagination: { pageSize: PAGE },
    sorting: {},
  });
  const template = useMutation({
    mutationFn: () => given(api.GET("/api/data/template", { params: { query: { objects: chosen.map((each) => each.name).join(",") } } })),
    onSuccess: ({ content }) => {
      const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
      save(new Blob([bytes], { type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" }), "template.xlsx");
    },
    onError: (error) => tell({ type: "error", content: error.message }),
  });
  const last = chosen.at(-1);
  return (
    <SpaceBetween size="l">
      <Failed query={objects} />
      <Table
        {...collectionProps}
        items={items}
        loading={objects.isPending}
        loadingText="Loading objects"
        trackBy="name"
        selectionType="multi"
        selectedItems={chosen}
        onSelectionChange={({ detail }) => setChosen(detail.selectedItems)}
        ariaLabels={{
          selectionGroupLabel: "Objects",
          allItemsSelectionLabel: () => "Choose all objects of this page",
          itemSelectionLabel: (_, each) => `Choose ${each.name}`,
        }}
        enableKeyboardNavigation
        header={
          <Header
            variant="h1"
            description="What the org has, as its user sees it. Choose objects to see their fields, or to get a workbook to fill in."
            actions={
              <Button
                iconName="download"
                disabled={!chosen.length || chosen.length > MOST}
                disabledReason={chosen.length ? `At most ${MOST} objects.` : "Choose objects first."}
                loading={template.isPending}
                onClick={() => template.mutate()}
              >
                Workbook to fill in
              </Button>
            }
          >
            Objects
          </Header>
        }
        filter={<TextFilter {...filterProps} filteringPlaceholder="Find an object" filteringAriaLabel="Find an object" />}
        pagination={<Pagination {...paginationProps} />}
        columnDefinitions={[
          { id: "name", header: "Name", cell: (each) => each.name, isRowHeader: true, sortingField: "name", minWidth: 200 },
          { id: "label", header: "Label", cell: (each) => each.label, sortingField: "label", minWidth: 180 },
          { id: "custom", header: "Kind", cell: (each) => (each.custom ? "Custom" : "Standard"), sortingField: "custom", minWidth: 110 },
          {
            id: "rights",
            header: "Rows may be",
            cell: (each) =>
              [each.createable ? "inserted" : "", each.updateable ? "updated" : "", each.deletable ? "deleted" : ""].filter(Boolean).join(", ") || "–",
            minWidth: 220,
          },
        ]}
      />
      {last ? <Fields object={last.name} /> : null}
    </SpaceBetween>
  );
}
