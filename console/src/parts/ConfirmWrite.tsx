// Asks before Salesforce is written to: names the org, and has more typed where it is one of production.
import type { ReactNode } from "react";
import { useOrg } from "../api/asking";
import { Confirm } from "./Confirm";
import { Place } from "./Place";

export function ConfirmWrite(props: {
  visible: boolean;
  title: string;
  action: string;
  word: string;
  org: string;
  children: ReactNode;
  onDismiss: () => void;
  onConfirm: () => void;
}) {
  const { org: name, word, children, ...same } = props;
  const { org } = useOrg(name);
  return (
    <Confirm {...same} word={org?.production ? `${word} in production` : word} disabled={!org}>
      <p className="first">{children}</p>
      <div>
        Org: <Place name={name} />
      </div>
    </Confirm>
  );
}
