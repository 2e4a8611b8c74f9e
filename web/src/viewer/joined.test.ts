import { expect, it } from "vitest";

import { Records, runsOf } from "./joined";

const FACTS = { cuts: [40, 10], low: 0, high: 9, bits: 16, signed: true };

function record(head: object, content: readonly number[]): number[] {
  const text = [...new TextEncoder().encode(JSON.stringify(head))];
  const lengths = new Uint8Array(8);
  new DataView(lengths.buffer).setUint32(0, text.length);
  new DataView(lengths.buffer).setUint32(4, content.length);
  return [...lengths, ...text, ...content];
}

const BODY = Uint8Array.from([
  ...record({ instance: 7, frame: 1, media: "image/jphc", ...FACTS }, [1, 2, 3]),
  ...record({ instance: 8, frame: 1 }, []),
  ...record({ instance: 9, frame: 2, media: "image/jpeg", ...FACTS, cuts: [5] }, []),
  ...record({ instance: 9, frame: 3, media: "image/jphc", ...FACTS }, [4]),
]);

it.each([1, 3, 8, 50, 10_000])("cuts a body that comes %i bytes at a time", (size) => {
  const records = new Records();
  const found = [];
  for (let at = 0; at < BODY.length; at += size) found.push(...records.push(BODY.subarray(at, at + size)));
  expect(found.map(({ instance, frame, coded }) => [instance, frame, coded && [...new Uint8Array(coded.bytes)]])).toEqual([
    [7, 1, [1, 2, 3]],
    [8, 1, null],
    [9, 2, null],
    [9, 3, [4]],
  ]);
  expect(found[0]?.coded?.facts).toEqual(FACTS);
});

it("gives nothing of a record whose end is missing", () => {
  expect(new Records().push(BODY.subarray(0, BODY.length - 1))).toHaveLength(3);
});

it.each([
  [[], ""],
  [[5], "5"],
  [[5, 6, 7, 4, 3], "5-7,4-3"],
  [[5, 4, 6, 3], "5-4,6,3"],
  [[1, 2, 1], "1-2,1"],
])("writes %j as %j", (places, runs) => {
  expect(runsOf(places)).toBe(runs);
});
