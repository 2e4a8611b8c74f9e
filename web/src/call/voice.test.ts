import { describe, expect, test } from "vitest";

import { redFirst, tuneOpus } from "./voice";

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
