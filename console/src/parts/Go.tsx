// Links within the console, and ids to be copied.
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import Link, { type LinkProps } from "@cloudscape-design/components/link";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

export function Go(props: { to: string; children: ReactNode; variant?: LinkProps.Variant; state?: unknown }) {
  const go = useNavigate();
  return (
    <Link
      href={props.to}
      variant={props.variant ?? "secondary"}
      onFollow={(event) => {
        event.preventDefault();
        void go(props.to, { state: props.state });
      }}
    >
      {props.children}
    </Link>
  );
}

export function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <CopyToClipboard
      variant="icon"
      textToCopy={text}
      copyButtonAriaLabel={`Copy ${what}`}
      copySuccessText="Copied"
      copyErrorText="Could not be copied"
    />
  );
}
