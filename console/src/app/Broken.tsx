// Shown in a page's place when the page itself breaks, or cannot be loaded after a new version was deployed.
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { useRouteError } from "react-router";

export function Broken() {
  const error = useRouteError();
  return (
    <Alert
      type="error"
      header="This page broke"
      action={<Button onClick={() => window.location.reload()}>Load it again</Button>}
    >
      {error instanceof Error ? error.message : "Load it again; if that does not help, tell who runs Waybill."}
    </Alert>
  );
}
