// Holds what pages share, the messages at the top among it.
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { type ReactNode, createContext, useCallback, useContext, useMemo, useState } from "react";
import type { Api } from "../api/client";
import type { Me } from "../api/types";
import type { Session } from "../auth/session";
import { WaybillContext } from "./context";

const Messages = createContext<FlashbarProps.MessageDefinition[]>([]);
let number = 0;

export function Providers(props: { session: Session; api: Api; me: Me; children: ReactNode }) {
  const { session, api, me, children } = props;
  const [messages, setMessages] = useState<FlashbarProps.MessageDefinition[]>([]);
  const tell = useCallback((message: FlashbarProps.MessageDefinition) => {
    number += 1;
    const id = String(number);
    const onDismiss = () => setMessages((all) => all.filter((each) => each.id !== id));
    setMessages((all) => [{ id, dismissible: true, dismissLabel: "Dismiss this message", onDismiss, ...message }, ...all].slice(0, 4));
  }, []);
  const shared = useMemo(() => ({ session, api, me, tell }), [session, api, me, tell]);
  return (
    <WaybillContext value={shared}>
      <Messages value={messages}>{children}</Messages>
    </WaybillContext>
  );
}

export function Notices() {
  return <Flashbar items={useContext(Messages)} />;
}
