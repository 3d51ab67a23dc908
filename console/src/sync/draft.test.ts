import { expect, it } from "vitest";
import { EMPTY, bodyOf, faultOf, nameOf } from "./draft";

it("needs a name, and objects where the workbook does not say them itself", () => {
  const named = { ...EMPTY, workbook: "Preise März (2)" };
  expect([faultOf(EMPTY, false), faultOf(named, false), faultOf(named, true), faultOf({ ...named, objects: ["Account"] }, false)].map((each) => each.slice(0, 15))).toEqual([
    "A workbook need",
    "A new workbook ",
    "",
    "",
  ]);
});

it("is asked for the org that was chosen, with a copy where one was uploaded", () => {
  expect(bodyOf({ ...EMPTY, workbook: "a", objects: ["Account"], replace: true }, null)).toEqual({ kind: "sync", mode: "incremental", workbook: "a", objects: ["Account"], replace: false });
  expect(bodyOf({ ...EMPTY, workbook: "a", org: "uat", full: true, replace: true }, "inbox/x/a.xlsx")).toEqual({
    kind: "sync", mode: "full", workbook: "a", objects: [], replace: true, org: "uat", input: "inbox/x/a.xlsx",
  });
});

it("is called as the file, as far as its letters may stand in a name", () => {
  expect(["prices.xlsx", "a/b:c.XLSX", "..xlsx"].map(nameOf)).toEqual(["prices", "a_b_c", "workbook"]);
});
