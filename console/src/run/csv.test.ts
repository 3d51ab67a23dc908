import { describe, expect, it } from "vitest";
import { namedRows, rowsOf } from "./csv";

describe("a report", () => {
  it("is read with its quotes, commas and lines within cells", () => {
    expect(rowsOf('a,"b, ""c"""\r\n"two\nlines",\r\n').rows).toEqual([
      ["a", 'b, "c"'],
      ["two\nlines", ""],
    ]);
  });
  it("may end in the middle of a row, which the next piece goes on with", () => {
    const first = rowsOf('a,b\n1,"x');
    expect(first).toEqual({ rows: [["a", "b"]], rest: '1,"x' });
    expect(rowsOf(`${first.rest}\ny"\n`)).toEqual({ rows: [["1", "x\ny"]], rest: "" });
  });
  it("has its cells by name", () => {
    expect(namedRows("row,message\n2,good\n3\n")).toEqual([
      { row: "2", message: "good" },
      { row: "3", message: "" },
    ]);
  });
});
