// What every page works with: the API, who is logged in, and where to tell of what happened.
import type { FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, useContext } from "react";
import type { Api } from "../api/client";
import type { Me, Role } from "../api/types";
import { includes } from "../auth/roles";
import type { Session } from "../auth/session";

export interface Waybill {
  api: Api;
  session: Session;
  me: Me;
  tell: (message: FlashbarProps.MessageDefinition) => void;
}

export const WaybillContext = createContext<Waybill | null>(null);

export function useWaybill(): Waybill {
  const found = useContext(WaybillContext);
  if (!found) throw new Error("outside of the console");
  return found;
}

export function useApi(): Api {
  return useWaybill().api;
}

// Whether who is logged in may do what takes this role.
export function useMay(least: Role): boolean {
  return includes(useWaybill().me.role, least);
}
