import { describe, expect, test } from "vitest";
import { jsonMembers, layOutJson } from "./json";

describe("layout", () => {
  test("objects and arrays get a line for each value", () => {
    expect(layOutJson('{"a":[1,2],"b":{}}')).toBe('{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}');
  });

  test("it is the parser's own for every value that numbers leave alone", () => {
    for (const value of [{}, [], { a: { b: [[], {}, 'x,y:{}[]"\\', null, true, -1.5] } }, ["\u2028", "\n"], [[[]]]]) {
      expect(layOutJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    }
  });

  test("numbers stay digit for digit", () => {
    expect(layOutJson('{"id":12345678901234567890,"f":1.0,"e":1E5}')).toBe(
      '{\n  "id": 12345678901234567890,\n  "f": 1.0,\n  "e": 1E5\n}',
    );
  });

  test.each(["12", '"text"', "{broken", "", "null", "[1,]", "{'a':1}"])("%j is not laid out", (text) => {
    expect(layOutJson(text)).toBeNull();
  });
});

describe("members", () => {
  test("come in their order, texts without quotes, the rest as it was sent", () => {
    expect(
      jsonMembers(
        '{ "event":"DNSDone", "addr" : "127.0.0.1","n":12345678901234567890, "o":{"a":1},"l":[1, 2],"":null}',
      ),
    ).toEqual([
      ["event", "DNSDone"],
      ["addr", "127.0.0.1"],
      ["n", "12345678901234567890"],
      ["o", '{"a":1}'],
      ["l", "[1, 2]"],
      ["", "null"],
    ]);
  });

  test("names and values may hold any sign", () => {
    expect(jsonMembers('{"a:b,{":"}\\",:","__proto__":"x"}')).toEqual([
      ["a:b,{", '}",:'],
      ["__proto__", "x"],
    ]);
  });

  test.each(["[1]", "GotConn", "", "{", '"a"', "{}x"])("%j has none", (text) => expect(jsonMembers(text)).toBeNull());

  test("an empty object has an empty list", () => expect(jsonMembers("{}")).toEqual([]));
});
