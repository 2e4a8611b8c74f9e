/** The examples that the server's tests read too, seen from the browser. */
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { encode, MESSAGE_TYPES, parse, parseRequest, parseText, REQUEST_TYPES } from "./messages";
import { Misshapen } from "./shape";

const folder = resolve(import.meta.dirname, "../../tests/messages");
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (name: string): { t: string; d: unknown } =>
  JSON.parse(readFileSync(resolve(folder, name), "utf8")) as { t: string; d: unknown };
const ours = files.filter((name) => name.startsWith("browser-"));
const theirs = files.filter((name) => name.startsWith("server-"));

describe("the examples", () => {
  test.each(theirs)("%s is read whole", (name) => {
    const example = read(name);
    expect(parse(example)).toMatchObject({ t: example.t, d: example.d });
  });

  test.each(ours)("%s is read and written back the same", (name) => {
    const example = read(name) as { t: string; d: unknown; id?: string };
    const request = parseRequest(example);
    if (!request) throw new Error("no request");
    expect(JSON.parse(encode(request, example.id))).toMatchObject(example);
  });

  test("every type has its example", () => {
    expect(ours.map((name) => name.slice("browser-".length, -".json".length)).sort()).toEqual([...REQUEST_TYPES].sort());
    expect(theirs.map((name) => name.slice("server-".length, -".json".length)).sort()).toEqual([...MESSAGE_TYPES].sort());
  });
});

describe("what is no message", () => {
  test.each([
    ["no text", new ArrayBuffer(2)],
    ["no JSON", "{"],
    ["no envelope", "[]"],
    ["another version", '{"v":2,"t":"ok","d":{}}'],
    ["a word for a number", '{"v":1,"t":"ping","d":{"n":"1"}}'],
    ["a missing field", '{"v":1,"t":"bye","d":{"code":"left"}}'],
    ["a word of no list", '{"v":1,"t":"bye","d":{"code":"x","sentence":"","reconnect":"maybe"}}'],
    ["a point of one number", '{"v":1,"t":"view-shared","d":{"study":7,"sop":"1.2","frame":1,"voi":[0,1,0],"view":[0,0,1,0,0,0],"pointer":[1],"playing":false}}'],
  ])("%s is refused", (_what, frame) => {
    expect(() => parseText(frame)).toThrow(Misshapen);
  });

  test("a type of a newer server is passed over", () => {
    expect(parseText('{"v":1,"t":"fireworks","d":{}}')).toBeNull();
    expect(parseText('{"v":1,"t":"constructor","d":{}}')).toBeNull();
  });

  test("a field of a newer server is passed over", () => {
    expect(parseText('{"v":1,"t":"ping","d":{"n":1,"colour":"red"}}')?.d).toEqual({ n: 1 });
  });
});
