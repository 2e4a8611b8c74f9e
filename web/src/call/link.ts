/** One connection to one other browser: perfect negotiation, and another way when the one there was is gone. */

import { BOTTOM } from "../ladder";
import type { Candidate } from "../messages";
import { loadSummary, type Summary } from "../stats";
import { type CallPorts, type IceSettings, type LinkState, PC, type Tracks } from "./ports";
import { applyRung, prepare, replaceTracks } from "./sending";
import { tuneOpus } from "./voice";

const DISCONNECTED_MS = 2000;
const RESTART_MS = 10_000;

/** Which side gives way when both make an offer at once: the same answer on both sides. */
export function isPolite(me: string, other: string): boolean {
  return me > other;
}

export function toConfiguration(ice: IceSettings): RTCConfiguration {
  return {
    iceTransportPolicy: ice.policy,
    bundlePolicy: "max-bundle",
    iceServers: ice.servers.map(({ urls, username, credential }) => ({
      urls: [...urls],
      ...(username === null ? {} : { username }),
      ...(credential === null ? {} : { credential }),
    })),
  };
}

/** One connection to one peer, in one epoch. */
export class Link {
  readonly pc: RTCPeerConnection;
  state: LinkState = "connecting";
  summary: Summary | null = null;
  wantsPicture = true;
  private readonly stream = new MediaStream();
  private readonly early: (Candidate | null)[] = [];
  private makingOffer = false;
  private ignoresOffer = false;
  private settingAnswer = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private work: Promise<void> = Promise.resolve();

  constructor(
    readonly peer: string,
    readonly epoch: number,
    private readonly polite: boolean,
    offers: boolean,
    ice: IceSettings,
    private readonly tracks: () => Tracks,
    private readonly ports: CallPorts,
  ) {
    this.pc = new RTCPeerConnection(toConfiguration(ice));
    this.pc.onicecandidate = ({ candidate }) => this.trickle(candidate);
    this.pc.onnegotiationneeded = () => void this.offer();
    this.pc.onconnectionstatechange = () => this.changed();
    this.pc.oniceconnectionstatechange = () => this.changed();
    this.pc.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      ports.onTracks(peer, this.stream);
    };
    if (offers) {
      for (const kind of ["audio", "video"] as const) {
        prepare(this.pc.addTransceiver(kind, { direction: "sendrecv" }), this.tracks());
      }
    }
    this.expectConnection();
  }

  close(): void {
    clearTimeout(this.timer);
    this.pc.onicecandidate = this.pc.onnegotiationneeded = this.pc.ontrack = null;
    this.pc.onconnectionstatechange = this.pc.oniceconnectionstatechange = null;
    this.pc.close();
  }

  // --- negotiation (W3C webrtc-pc, 10.7 perfect negotiation) -------------------------------------

  private async offer(): Promise<void> {
    try {
      this.makingOffer = true;
      await this.pc.setLocalDescription();
      this.describe();
    } finally {
      this.makingOffer = false;
    }
  }

  private describe(): void {
    const local = this.pc.localDescription;
    if (local?.type !== "offer" && local?.type !== "answer") return;
    const d = { to: this.peer, pc: PC, epoch: this.epoch, sdp: tuneOpus(local.sdp) };
    // Refused where this connection is stale: a new one is on its way then.
    this.ports.request({ t: local.type, d }).catch(() => undefined);
  }

  /** Descriptions and candidates are taken one after the other. */
  take(step: () => Promise<void>): void {
    this.work = this.work.then(step).catch((problem: unknown) => {
      if (this.pc.signalingState !== "closed") console.warn("call:", problem instanceof Error ? problem.name : "");
    });
  }

  async described(description: RTCSessionDescriptionInit): Promise<void> {
    const isReady = !this.makingOffer && (this.pc.signalingState === "stable" || this.settingAnswer);
    const collides = description.type === "offer" && !isReady;
    this.ignoresOffer = !this.polite && collides;
    if (this.ignoresOffer) return;
    this.settingAnswer = description.type === "answer";
    try {
      await this.pc.setRemoteDescription(description);
    } finally {
      this.settingAnswer = false;
    }
    for (const candidate of this.early.splice(0)) await this.trickled(candidate);
    if (description.type === "offer") {
      for (const transceiver of this.pc.getTransceivers()) prepare(transceiver, this.tracks());
      await this.pc.setLocalDescription();
      this.describe();
    }
  }

  async trickled(candidate: Candidate | null): Promise<void> {
    if (!this.pc.remoteDescription) {
      this.early.push(candidate);
      return;
    }
    try {
      await this.pc.addIceCandidate(candidate ?? undefined);
    } catch (problem) {
      if (!this.ignoresOffer) throw problem;
    }
  }

  private trickle(candidate: RTCIceCandidate | null): void {
    const { candidate: text = "", sdpMid = null, sdpMLineIndex = null, usernameFragment = null } =
      candidate?.toJSON() ?? {};
    const d = { candidate: text, sdpMid, sdpMLineIndex, usernameFragment };
    this.ports.send({ t: "ice", d: { to: this.peer, pc: PC, epoch: this.epoch, candidate: candidate && d } });
  }

  // --- the way between us -------------------------------------------------------------------------

  /** The other way there is: after a cut or a change of network. */
  restartIce(): void {
    if (this.pc.signalingState !== "closed") this.pc.restartIce();
  }

  private changed(): void {
    const { connectionState, iceConnectionState } = this.pc;
    if (connectionState === "connected") {
      clearTimeout(this.timer);
      this.setState("connected");
    } else if (connectionState === "failed" || iceConnectionState === "failed") {
      this.setState("lost");
      this.restartIce();
      this.expectConnection();
    } else if (iceConnectionState === "disconnected") {
      clearTimeout(this.timer);
      this.timer = setTimeout(
        () => {
          this.setState("lost");
          this.restartIce();
          this.expectConnection();
        },
        this.polite ? 2 * DISCONNECTED_MS : DISCONNECTED_MS,
      );
    }
  }

  /** Not connected in time: start over with a new connection. The server counts both asking as one. */
  private expectConnection(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.pc.connectionState === "connected" || this.pc.signalingState === "closed") return;
      this.startOver();
      this.expectConnection();
    }, RESTART_MS);
  }

  startOver(): void {
    this.ports.request({ t: "restart", d: { to: this.peer, pc: PC, epoch: this.epoch } }).catch(() => undefined);
  }

  private setState(state: LinkState): void {
    if (state === this.state) return;
    this.state = state;
    this.ports.onState(this.peer, state);
  }

  // --- what is sent -------------------------------------------------------------------------------

  replace(tracks: Tracks): Promise<void> {
    return replaceTracks(this.pc, tracks);
  }

  /** The other side may ask for no pictures at all: all of its line for the voice. */
  applyRung(index: number): Promise<void> {
    return applyRung(this.pc, this.wantsPicture ? index : BOTTOM);
  }

  async measure(): Promise<Summary> {
    this.summary = await loadSummary(this.pc, this.summary);
    return this.summary;
  }
}
