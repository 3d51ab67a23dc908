// What each role may do, as functions/waybill/api/roles.py has it. The API decides; this keeps buttons away that it would refuse.
import type { Role } from "../api/types";

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function includes(role: Role | null, least: Role): boolean {
  return role !== null && RANK[role] >= RANK[least];
}

// Copying and looking is an operator's; whatever writes to Salesforce an admin's.
export function roleToStart(kind: string, dryRun: boolean): Role {
  return dryRun || kind === "backup" || kind === "sync" ? "operator" : "admin";
}
