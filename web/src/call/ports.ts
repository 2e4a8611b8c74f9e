/** What a call needs of the page and the socket, and what it is given to send. */

import type { IceServer, Line, Request } from "../messages";
import type { Summary } from "../stats";

export const PC = "p2p";

export type LinkState = "connecting" | "connected" | "lost";

export interface CallPorts {
  /** Offers and answers arrive; candidates may be lost. */
  readonly request: (request: Request) => Promise<void>;
  readonly send: (request: Request) => void;
  readonly onTracks: (peer: string, stream: MediaStream) => void;
  readonly onState: (peer: string, state: LinkState) => void;
  readonly onGone: (peer: string) => void;
  readonly onSummary: (peer: string, summary: Summary) => void;
  readonly onLine: (line: Line) => void;
}

export interface IceSettings {
  readonly servers: readonly IceServer[];
  readonly policy: RTCIceTransportPolicy;
}

/** What we send; either may be missing, and change while the call goes on. */
export interface Tracks {
  readonly audio: MediaStreamTrack | null;
  readonly video: MediaStreamTrack | null;
}
