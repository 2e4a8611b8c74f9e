/** How voice is encoded: to be understood over a weak line. */

/** Ask the other side's encoder for in-band repair and a rate that a weak line carries (RFC 7587). */
export function tuneOpus(sdp: string): string {
  const payload = /^a=rtpmap:(\d+) opus\/48000/im.exec(sdp)?.[1];
  if (payload === undefined) return sdp;
  return sdp.replace(new RegExp(`^a=fmtp:${payload} ([^\\r\\n]*)`, "m"), (_line, given: string) => {
    const kept = given.split(";").filter((word) => !/^\s*(useinbandfec|maxaveragebitrate)=/.test(word));
    return `a=fmtp:${payload} ${[...kept, "useinbandfec=1", "maxaveragebitrate=24000"].join(";")}`;
  });
}

/** Each packet of voice carries the one before it again: a lost one is not heard. */
export function redFirst<C extends { mimeType: string }>(codecs: readonly C[]): C[] {
  const isRed = (codec: C) => codec.mimeType.toLowerCase() === "audio/red";
  return [...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))];
}
