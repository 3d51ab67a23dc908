// Errors grouped by class, each with what to do about it.
import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import { useErrorClasses } from "../api/asking";
import { Go } from "../parts/Go";
import { Empty, ErrorBox } from "../parts/Loaded";
import { count, time, words } from "../parts/format";
import { KINDS } from "../parts/runs";
import type { ErrorRow, RowError } from "../api/types";

export function Component() {
  const errors = useErrorClasses();
  if (errors.isError) return <ErrorBox error={errors.error} again={() => void errors.refetch()} />;
  return (
    <Table
      items={errors.data?.classes ?? []}
      loading={errors.isPending}
      loadingText="Loading errors"
      trackBy="class"
      wrapLines
      enableKeyboardNavigation
      header={
        <Header variant="h1" description="What could not be moved, by its cause. The runbook has more on each class.">
          Errors
        </Header>
      }
      empty={<Empty title="No errors">Every file that was looked at could be dealt with.</Empty>}
      columnDefinitions={[
        {
          id: "class",
          header: "Class",
          cell: (group) => (
            <>
              <div>{words(group.class.toLowerCase())}</div>
              <Box fontSize="body-s" color="text-body-secondary">
                <span className="mono">{group.class}</span>
              </Box>
            </>
          ),
          isRowHeader: true,
          minWidth: 170,
        },
        { id: "count", header: "Files", cell: (group) => <b className="figure">{group.exact ? "" : "at least "}{count(group.count)}</b>, minWidth: 80 },
        { id: "todo", header: "What to do", cell: (group) => group.what_to_do, minWidth: 260 },
        {
          id: "sample",
          header: "For example",
          cell: (group) => <Sample row={group.sample[0]} />,
          minWidth: 260,
        },
        {
          id: "run",
          header: "Last seen",
          cell: (group) => (
            <Go to={`/runs/${group.run_id}`}>
              {KINDS[group.kind]} of {time(group.at)}
            </Go>
          ),
          minWidth: 180,
        },
      ]}
    />
  );
}

function Sample({ row }: { row: ErrorRow | RowError | undefined }) {
  if (!row) return <>–</>;
  const file = "entry_id" in row ? row : null;
  return (
    <>
      {file?.entry_id ? <Go to={`/files/${file.entry_id}`}>{file.name || file.entry_id}</Go> : null}
      <Box fontSize="body-s" color="text-body-secondary">
        {row.message}
      </Box>
    </>
  );
}
