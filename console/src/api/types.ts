// The API's shapes under the names that the pages use; all of them are of docs/openapi.json.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type AccountView = Schemas["AccountView"];
export type Approval = Schemas["ApprovalView"];
export type AuditHead = Schemas["AuditHead"];
export type AuditRecord = Schemas["AuditRecord"];
export type Check = Schemas["Check"];
export type ErrorClass = Schemas["ErrorClassView"];
export type ErrorRow = Schemas["ErrorRow"];
export type FileState = Schemas["FileState"];
export type FileView = Schemas["FileView"];
export type FileWaybill = Schemas["WaybillView"];
export type FilesCounts = Schemas["Counts"];
export type LogEvent = Schemas["LogEvent"];
export type Me = Schemas["MeView"];
export type PhaseView = Schemas["StatusView"]["phases"][string];
export type Role = Schemas["Role"];
export type RowError = Schemas["RowError"];
export type RowsCounts = Schemas["RowCounts"];
export type RunAccountView = Schemas["RunAccountView"];
export type RunKind = Schemas["RunKind"];
export type RunRequest = Schemas["BackupRequest"] | Schemas["CutoverRequest"] | Schemas["RollbackRequest"];
export type RunStatus = Schemas["RunStatus"];
export type RunView = Schemas["RunView"];
export type SettingsView = Schemas["SettingsView"];
export type SignIn = Schemas["SignIn"];
export type StatusView = Schemas["StatusView"];
export type Throughput = Schemas["ThroughputView"];
export type FieldView = Schemas["FieldView"];
export type LoadRequest = Schemas["LoadRequest"];
export type MappingHead = Schemas["MappingHead"];
export type ObjectView = Schemas["ObjectView"];
