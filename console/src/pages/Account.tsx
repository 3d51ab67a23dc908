// An account's files: searched and paged by the API, however many there are.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useLocation, useParams, useSearchParams } from "react-router";
import { given } from "../api/client";
import type { FileState, FileView } from "../api/types";
import { useApi } from "../app/context";
import { Go } from "../parts/Go";
import { Empty, Failed } from "../parts/Loaded";
import { FILE, FileStatus } from "../parts/Status";
import { Verify } from "../run/Verify";
import { bytes } from "../parts/format";
import { usePages } from "../parts/pages";
import { useSearch } from "../parts/useSearch";

const ANY: SelectProps.Option = { value: "", label: "All states" };
const STATES: SelectProps.Option[] = [
  ANY,
  ...Object.entries(FILE)
    .filter(([state]) => state !== "discovered" && state !== "copied")
    .map(([value, [, label]]) => ({ value, label })),
];

export function Component() {
  const { accountId = "" } = useParams();
  // Whoever linked here knew its name.
  const named: unknown = useLocation().state;
  const api = useApi();
  const [asked, setAsked] = useSearchParams();
  const state = asked.get("state") ?? "";
  const search = useSearch();
  const pages = usePages<FileView>(["files", accountId, state, search.asked], (cursor) =>
    given(
      api.GET("/api/accounts/{account_id}/files", {
        params: {
          path: { account_id: accountId },
          query: {
            limit: 50,
            ...(state ? { state: state as FileState } : {}),
            ...(search.asked ? { query: search.asked } : {}),
            ...(cursor ? { cursor } : {}),
          },
        },
      }),
    ),
  );
  const filtered = Boolean(state || search.asked);
  return (
    <SpaceBetween size="l">
      <Failed query={pages.query} />
      <Table
        items={pages.items}
        loading={pages.query.isPending}
        loadingText="Loading files"
        trackBy="entry_id"
        stickyHeader
        wrapLines
        enableKeyboardNavigation
        header={
          <Header variant="h1" description={<span className="mono">{accountId}</span>} actions={<Verify accountId={accountId} />}>
            Files of {typeof named === "string" && named ? named : "the account"}
          </Header>
        }
        filter={
          <SpaceBetween direction="horizontal" size="xs">
            <TextFilter
              filteringText={search.typed}
              filteringPlaceholder="Find a file by name"
              filteringAriaLabel="Find a file by name"
              onChange={({ detail }) => search.type(detail.filteringText)}
            />
            <Select
              ariaLabel="State of file"
              options={STATES}
              selectedOption={STATES.find((each) => each.value === state) ?? ANY}
              onChange={({ detail }) => setAsked(detail.selectedOption.value ? { state: detail.selectedOption.value } : {})}
            />
          </SpaceBetween>
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={
          filtered ? (
            <Empty title="No file like that on this page">{pages.pagination.openEnd ? "The account has more: look at the next page." : "Choose another name or state."}</Empty>
          ) : (
            <Empty title="The ledger knows no file yet">The first backup writes them down.</Empty>
          )
        }
        columnDefinitions={[
          { id: "name", header: "File", cell: (file) => <Go to={`/files/${file.entry_id}`}>{file.name}</Go>, isRowHeader: true, minWidth: 240 },
          { id: "state", header: "State", cell: (file) => <FileStatus state={file.state} />, minWidth: 150 },
          { id: "size", header: "Size", cell: (file) => <span className="figure">{bytes(file.size)}</span>, minWidth: 90 },
          { id: "by", header: "Verified by", cell: (file) => file.verified_by ?? "–", minWidth: 120 },
          { id: "entry", header: "Entry", cell: (file) => <span className="mono">{file.entry_id}</span>, minWidth: 190 },
          {
            id: "note",
            header: "Note",
            cell: (file) => file.message ?? (file.new_url ? <Box color="text-body-secondary">New link in Salesforce</Box> : "–"),
            minWidth: 200,
          },
        ]}
      />
      <Box textAlign="right">
        <Button iconName="refresh" onClick={() => void pages.query.refetch()}>
          Look again
        </Button>
      </Box>
    </SpaceBetween>
  );
}
