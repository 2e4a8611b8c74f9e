/** What the call decides: the ladder, the words of a session description, who gives way, what the figures mean. */
import { describe, expect, test } from "vitest";

import { isPolite, redFirst, tuneOpus } from "./call";
import { BOTTOM, type Ladder, lineOf, type Sample, START, step } from "./ladder";
import { median, verdict } from "./linecheck";
import { summarise } from "./stats";

const GOOD: Sample = { lossOut: 0, rttMs: 40, availableBitsPerSecond: 2_000_000 };
const after = (ladder: Ladder, ...samples: Sample[]): Ladder => samples.reduce(step, ladder);
const times = (count: number, sample: Sample): Sample[] => Array.from({ length: count }, () => sample);

describe("the ladder", () => {
  test("one bad second changes nothing, two do", () => {
    const bad = { ...GOOD, lossOut: 0.2 };
    expect(after(START, bad).rung).toBe(0);
    expect(after(START, bad, GOOD, bad).rung).toBe(0);
    expect(after(START, bad, bad).rung).toBe(1);
  });

  test("walks down to the voice alone and no further", () => {
    const ladder = after(START, ...times(40, { lossOut: 0.3, rttMs: 900, availableBitsPerSecond: 50_000 }));
    expect(ladder.rung).toBe(BOTTOM);
    expect(lineOf(ladder)).toBe("poor");
  });

  test("walks up slowly, all the way", () => {
    const bottom: Ladder = { rung: BOTTOM, bad: 0, good: 0 };
    expect(after(bottom, ...times(7, GOOD)).rung).toBe(BOTTOM);
    expect(after(bottom, ...times(8, GOOD)).rung).toBe(BOTTOM - 1);
    expect(after(bottom, ...times(8 * BOTTOM, GOOD))).toEqual({ rung: 0, bad: 0, good: 0 });
  });

  test("a narrow line holds its rung instead of going up and down", () => {
    const narrow = { ...GOOD, availableBitsPerSecond: 220_000 };
    expect(after({ rung: 1, bad: 0, good: 0 }, ...times(30, narrow)).rung).toBe(1);
  });

  test("a browser that measures nothing keeps the full picture", () => {
    expect(after(START, ...times(20, { lossOut: null, rttMs: null, availableBitsPerSecond: null })).rung).toBe(0);
  });
});

describe("a session description", () => {
  const sdp = "m=audio 9 RTP\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=0\r\na=rtpmap:0 PCMU/8000\r\n";

  test("asks for in-band repair at 24 kbit/s, once", () => {
    const tuned = "a=fmtp:111 minptime=10;useinbandfec=1;maxaveragebitrate=24000\r\n";
    expect(tuneOpus(sdp)).toContain(tuned);
    expect(tuneOpus(tuneOpus(sdp))).toBe(tuneOpus(sdp));
  });

  test("without Opus stays as it is", () => {
    expect(tuneOpus("m=video 9\r\n")).toBe("m=video 9\r\n");
  });

  test("names RED before all other voices", () => {
    const codecs = ["audio/opus", "audio/red", "audio/PCMU"].map((mimeType) => ({ mimeType }));
    expect(redFirst(codecs).map(({ mimeType }) => mimeType)).toEqual(["audio/red", "audio/opus", "audio/PCMU"]);
  });
});

test("of two peers exactly one gives way", () => {
  expect(isPolite("aaaa", "bbbb")).toBe(!isPolite("bbbb", "aaaa"));
});

test("the figures come from the way that was chosen", () => {
  const rows = [
    { type: "transport", id: "T", selectedCandidatePairId: "P2" },
    { type: "candidate-pair", id: "P1", nominated: true, currentRoundTripTime: 9 },
    { type: "candidate-pair", id: "P2", currentRoundTripTime: 0.05, localCandidateId: "L", bytesSent: 3000, bytesReceived: 0 },
    { type: "local-candidate", id: "L", candidateType: "relay" },
    { type: "inbound-rtp", kind: "video", framesDecoded: 12 },
    { type: "inbound-rtp", kind: "audio", packetsReceived: 50, totalSamplesReceived: 48000, concealedSamples: 480 },
    { type: "remote-inbound-rtp", kind: "video", fractionLost: 0.1 },
    { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.02 },
  ];
  const first = summarise(rows, null, 1000);
  expect(first).toMatchObject({ rttMs: 50, localKind: "relay", framesDecoded: 12, packetsHeard: 50, lossOut: 0.1 });
  const later = rows.map((row) => (row.id === "P2" ? { ...row, bytesSent: 4000 } : row));
  expect(summarise(later, first, 2000).bitsPerSecondOut).toBe(8000);
});

describe("the line check", () => {
  const line = { rttMs: 60, downBitsPerSecond: 4e6, upBitsPerSecond: 4e6, relay: null };

  test("says it in three words", () => {
    expect(verdict(line)).toBe("good");
    expect(verdict({ ...line, upBitsPerSecond: 512_000 })).toBe("fair");
    expect(verdict({ ...line, rttMs: 700 })).toBe("voice");
    expect(verdict({ ...line, downBitsPerSecond: 100_000 })).toBe("voice");
  });

  test("takes the middle of the times, not one that was held up", () => {
    expect(median([5, 900, 6])).toBe(6);
  });
});
