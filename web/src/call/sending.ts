/** What a connection carries of ours: voice before everything, the picture as large as the line allows. */

import { rung } from "../ladder";
import type { Tracks } from "./ports";
import { redFirst } from "./voice";

function isVoice({ receiver }: RTCRtpTransceiver): boolean {
  return receiver.track.kind === "audio";
}

/** Both ways, with repair for the voice, and our track on it. */
export function prepare(transceiver: RTCRtpTransceiver, tracks: Tracks): void {
  if (transceiver.direction !== "sendrecv") transceiver.direction = "sendrecv";
  if (isVoice(transceiver) && "setCodecPreferences" in transceiver) {
    const codecs = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
    if (codecs.length) transceiver.setCodecPreferences(redFirst(codecs));
  }
  void transceiver.sender.replaceTrack(isVoice(transceiver) ? tracks.audio : tracks.video);
}

export async function replaceTracks(pc: RTCPeerConnection, tracks: Tracks): Promise<void> {
  for (const transceiver of pc.getTransceivers()) {
    await transceiver.sender.replaceTrack(isVoice(transceiver) ? tracks.audio : tracks.video);
  }
}

/** Step `index` of the ladder, for all that this connection sends. */
export async function applyRung(pc: RTCPeerConnection, index: number): Promise<void> {
  const { bitsPerSecond, framesPerSecond, scaleDownBy } = rung(index);
  for (const transceiver of pc.getTransceivers()) {
    const { sender } = transceiver;
    const parameters = sender.getParameters();
    const encoding = parameters.encodings[0];
    if (!encoding) continue;
    encoding.priority = encoding.networkPriority = isVoice(transceiver) ? "high" : "low";
    if (!isVoice(transceiver)) {
      encoding.active = bitsPerSecond > 0;
      encoding.scaleResolutionDownBy = scaleDownBy;
      if (bitsPerSecond > 0) {
        encoding.maxBitrate = bitsPerSecond;
        encoding.maxFramerate = framesPerSecond;
      }
    }
    await sender.setParameters(parameters).catch(() => undefined); // closed meanwhile
  }
}
