// What is shown while something is asked for, and where that failed.
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Spinner from "@cloudscape-design/components/spinner";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem, said } from "../api/client";

export function ErrorBox({ error, again }: { error: unknown; again?: () => void }) {
  return (
    <Alert
      type="error"
      header={error instanceof Problem && error.status === 404 ? "Not found" : "This could not be loaded"}
      action={again ? <Button onClick={again}>Try again</Button> : undefined}
    >
      {said(error)}
    </Alert>
  );
}

// Where a question to the API has failed; nothing where it has not.
export function Failed({ query }: { query: Pick<UseQueryResult, "isError" | "error" | "refetch"> }) {
  return query.isError ? <ErrorBox error={query.error} again={() => void query.refetch()} /> : null;
}

export function Waiting({ height = 120, label = "Loading" }: { height?: number; label?: string }) {
  return (
    <div className="waiting" style={{ minHeight: height }}>
      <Spinner /> <Box variant="span" color="text-body-secondary">{label}</Box>
    </div>
  );
}

// `height` is that of what comes: the page does not jump when it does.
export function Loaded<T>(props: { query: UseQueryResult<T>; height?: number; children: (data: T) => ReactNode }) {
  const { query, height, children } = props;
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <Failed query={query} />;
  return <Waiting {...(height ? { height } : {})} />;
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Box textAlign="center" padding={{ vertical: "l" }} color="inherit">
      <Box variant="strong" color="inherit" display="block" padding={{ bottom: "xxs" }}>
        {title}
      </Box>
      <Box variant="p" color="text-body-secondary">
        {children}
      </Box>
    </Box>
  );
}
