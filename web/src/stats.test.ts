import { expect, test } from "vitest";

import { summarise } from "./stats";

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
