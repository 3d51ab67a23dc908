// Accounts with their entries in Salesforce and their files in the ledger; and the way to a file by its entry's id.
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { useNavigate } from "react-router";
import { given } from "../api/client";
import type { AccountView } from "../api/types";
import { useApi } from "../app/context";
import { Go } from "../parts/Go";
import { Empty, Failed } from "../parts/Loaded";
import { StateBar, StatesTold } from "../parts/StateBar";
import { bytes, count } from "../parts/format";
import { usePages } from "../parts/pages";
import { useSearch } from "../parts/useSearch";

const ENTRY = /^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$/;

export function Component() {
  const api = useApi();
  const search = useSearch();
  const pages = usePages<AccountView>(["accounts", search.asked], (cursor) =>
    given(
      api.GET("/api/accounts", {
        params: { query: { limit: 25, ...(search.asked ? { query: search.asked } : {}), ...(cursor ? { cursor } : {}) } },
      }),
    ),
  );
  return (
    <SpaceBetween size="l">
      <Failed query={pages.query} />
      <Table
        items={pages.items}
        loading={pages.query.isPending}
        loadingText="Loading accounts"
        trackBy="account_id"
        enableKeyboardNavigation
        header={
          <Header variant="h1" description="What Salesforce points to, and what the ledger knows of it." actions={<ToEntry />}>
            Accounts and files
          </Header>
        }
        filter={
          <TextFilter
            filteringText={search.typed}
            filteringPlaceholder="Find an account by name"
            filteringAriaLabel="Find an account by name"
            onChange={({ detail }) => search.type(detail.filteringText)}
          />
        }
        pagination={<Pagination {...pages.pagination} />}
        empty={
          search.asked ? <Empty title="No account is called that">Try a part of its name.</Empty> : <Empty title="No accounts">No entry in Salesforce has a file.</Empty>
        }
        columnDefinitions={[
          {
            id: "name",
            header: "Account",
            cell: (account) => <Go to={`/accounts/${account.account_id}`} state={account.name}>{account.name || nameless(account.account_id)}</Go>,
            isRowHeader: true,
            minWidth: 220,
          },
          { id: "entries", header: "Entries", cell: (account) => <span className="figure">{count(account.entries)}</span>, minWidth: 90 },
          { id: "files", header: "In the ledger", cell: (account) => <span className="figure">{count(account.files)}</span>, minWidth: 110 },
          { id: "bytes", header: "Copied", cell: (account) => <span className="figure">{bytes(account.bytes)}</span>, minWidth: 90 },
          {
            id: "bar",
            header: "By state",
            cell: (account) => (
              <StateBar states={account.states} rest={Math.max(0, (account.entries ?? 0) - account.files)} />
            ),
            minWidth: 160,
          },
          {
            id: "states",
            header: "States",
            cell: (account) => <StatesTold states={account.states} none="Not backed up yet" />,
            minWidth: 220,
          },
        ]}
      />
    </SpaceBetween>
  );
}

function nameless(id: string): string {
  return id === "no-account" ? "Entries without an account" : id;
}

function ToEntry() {
  const go = useNavigate();
  const [id, setId] = useState("");
  const good = ENTRY.test(id.trim());
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (good) void go(`/files/${id.trim()}`);
      }}
    >
      <SpaceBetween direction="horizontal" size="xs">
        <FormField>
          <Input value={id} onChange={({ detail }) => setId(detail.value)} placeholder="Entry id" ariaLabel="Id of an entry" invalid={id !== "" && !good} />
        </FormField>
        <Button formAction="submit" disabled={!good}>
          Show its waybill
        </Button>
      </SpaceBetween>
    </form>
  );
}
