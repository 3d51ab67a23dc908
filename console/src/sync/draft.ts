// A sync as its form has it, and as the API is asked for it.
import { OWN } from "../records/loads";

export const MOST = 25; // objects of a workbook

export interface Draft {
  workbook: string;
  org: string;
  objects: string[];
  full: boolean;
  replace: boolean;
}

export const EMPTY: Draft = { workbook: "", org: OWN, objects: [], full: false, replace: false };

// As the API allows it in a key.
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_ .()+-]{0,79}$/u;

// The name under which Waybill keeps a file.
export function nameOf(file: string): string {
  const stem = file.replace(/\.xlsx$/i, "").replace(/[^\p{L}\p{N}_ .()+-]/gu, "_");
  return stem.trim().slice(0, 80).replace(/^[ .()+-]+/, "") || "workbook";
}

// What is wrong with the form. `known`: whether a workbook is uploaded, or was synced before: it says itself which objects it holds.
export function faultOf(draft: Draft, known: boolean): string {
  if (!NAME.test(draft.workbook)) return "A workbook needs a name: letters, digits, blanks and . ( ) + - _, at most 80.";
  if (!draft.objects.length && !known) return "A new workbook needs at least one object.";
  return draft.objects.length > MOST ? `At most ${MOST} objects.` : "";
}

// `input`: what an upload has answered.
export function bodyOf(draft: Draft, input: string | null): object {
  const { workbook, org, objects, full, replace } = draft;
  return {
    kind: "sync",
    mode: full ? "full" : "incremental",
    workbook,
    objects,
    replace: replace && input !== null,
    ...(org === OWN ? {} : { org }),
    ...(input ? { input } : {}),
  };
}
