/**
 * Browser to browser: one RTCPeerConnection for each remote peer (a mesh of two or three), by perfect
 * negotiation. Knows no page and no socket: both are given to it.
 */

import { BOTTOM, type Ladder, lineOf, rung, type Sample, START, step } from "./ladder";
import type { Candidate, IceServer, Line, Member, Received, Request, Snapshot } from "./messages";
import { loadSummary, type Summary } from "./stats";

export const PC = "p2p";
const DISCONNECTED_MS = 2000;
const RESTART_MS = 10_000;
const SAMPLE_MS = 1000;

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

/** Which side gives way when both make an offer at once: the same answer on both sides. */
export function isPolite(me: string, other: string): boolean {
  return me > other;
}

function toConfiguration(ice: IceSettings): RTCConfiguration {
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
class Link {
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
        this.prepare(this.pc.addTransceiver(kind, { direction: "sendrecv" }));
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
      for (const transceiver of this.pc.getTransceivers()) this.prepare(transceiver);
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

  // --- what is sent -------------------------------------------------------------------------------

  private prepare(transceiver: RTCRtpTransceiver): void {
    const kind = transceiver.receiver.track.kind;
    if (transceiver.direction !== "sendrecv") transceiver.direction = "sendrecv";
    if (kind === "audio" && "setCodecPreferences" in transceiver) {
      const codecs = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
      if (codecs.length) transceiver.setCodecPreferences(redFirst(codecs));
    }
    void transceiver.sender.replaceTrack(kind === "audio" ? this.tracks().audio : this.tracks().video);
  }

  async replace(tracks: Tracks): Promise<void> {
    for (const { sender, receiver } of this.pc.getTransceivers()) {
      await sender.replaceTrack(receiver.track.kind === "audio" ? tracks.audio : tracks.video);
    }
  }

  /** Voice before everything; the picture as large as the line carries. */
  async applyRung(index: number): Promise<void> {
    const { bitsPerSecond, framesPerSecond, scaleDownBy } = rung(this.wantsPicture ? index : BOTTOM);
    for (const { sender, receiver } of this.pc.getTransceivers()) {
      const parameters = sender.getParameters();
      const encoding = parameters.encodings[0];
      if (!encoding) continue;
      const isVoice = receiver.track.kind === "audio";
      encoding.priority = encoding.networkPriority = isVoice ? "high" : "low";
      if (!isVoice) {
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

  async measure(): Promise<Summary> {
    this.summary = await loadSummary(this.pc, this.summary);
    return this.summary;
  }
}

/** All connections of this page, as the server's messages say. */
export class Call {
  private readonly links = new Map<string, Link>();
  private me = "";
  private ice: IceSettings;
  private tracks: Tracks = { audio: null, video: null };
  private ladder: Ladder = START;
  private sampling: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly ports: CallPorts,
    policy: RTCIceTransportPolicy = "all",
  ) {
    this.ice = { servers: [], policy };
  }

  start(): void {
    this.sampling = setInterval(() => void this.sample(), SAMPLE_MS);
  }

  close(): void {
    clearInterval(this.sampling);
    for (const peer of [...this.links.keys()]) this.part(peer);
  }

  /** Send these tracks from now on; nobody needs to negotiate for it. */
  async send(tracks: Tracks): Promise<void> {
    this.tracks = tracks;
    await Promise.all([...this.links.values()].map((link) => link.replace(tracks)));
  }

  /** The network changed or came back: look for another way wherever there is none. */
  nudge(): void {
    for (const link of this.links.values()) {
      if (link.pc.connectionState !== "connected") link.restartIce();
    }
  }

  /** Hear what the server says about members and connections; other messages are passed over. */
  receive(message: Received): void {
    switch (message.t) {
      case "welcome":
        this.useServers(message.d.ice_servers);
        break;
      case "ice-servers":
        this.useServers(message.d.ice_servers);
        break;
      case "joined":
        this.joined(message.d);
        break;
      case "resynced":
        this.resynced(message.d);
        break;
      case "roster":
        this.seen(message.d.member);
        break;
      case "left":
        this.part(message.d.peer);
        break;
      case "restarted":
        if (message.d.pc === PC) this.link(message.d.peer, message.d.epoch, message.d.offers);
        break;
      case "offer":
      case "answer": {
        const { t: type, d } = message;
        const link = this.current(message.from, d.pc, d.epoch);
        link?.take(() => link.described({ type, sdp: d.sdp }).then(() => this.applyTo(link)));
        break;
      }
      case "ice": {
        const link = this.current(message.from, message.d.pc, message.d.epoch);
        link?.take(() => link.trickled(message.d.candidate));
        break;
      }
      default:
    }
  }

  // --- members ----------------------------------------------------------------------------------

  /** We are new here (or our page is): the others wait for our offers. */
  private joined(snapshot: Snapshot): void {
    this.me = snapshot.peer;
    for (const peer of [...this.links.keys()]) this.part(peer);
    for (const { peer } of snapshot.members) {
      if (peer !== this.me) this.link(peer, epochOf(snapshot, peer), true);
    }
    for (const member of snapshot.members) this.seen(member);
  }

  /** Something was missed: what we have and what should be may differ. */
  private resynced(snapshot: Snapshot): void {
    const present = new Set(snapshot.members.map(({ peer }) => peer));
    for (const peer of [...this.links.keys()]) if (!present.has(peer)) this.part(peer);
    for (const member of snapshot.members) {
      const epoch = epochOf(snapshot, member.peer);
      if (member.peer !== this.me && this.links.get(member.peer)?.epoch !== epoch) {
        this.link(member.peer, epoch, false).startOver();
      }
      this.seen(member);
    }
  }

  private seen(member: Member): void {
    if (member.peer === this.me || this.me === "") return;
    const link = this.links.get(member.peer) ?? this.link(member.peer, 1, false);
    const wantsPicture = !member.media.hold_voice;
    if (wantsPicture !== link.wantsPicture) {
      link.wantsPicture = wantsPicture;
      this.applyTo(link);
    }
  }

  private link(peer: string, epoch: number, offers: boolean): Link {
    this.links.get(peer)?.close();
    const link = new Link(peer, epoch, isPolite(this.me, peer), offers, this.ice, () => this.tracks, this.ports);
    this.links.set(peer, link);
    this.ports.onState(peer, "connecting");
    return link;
  }

  private part(peer: string): void {
    const link = this.links.get(peer);
    if (!link) return;
    link.close();
    this.links.delete(peer);
    this.ports.onGone(peer);
  }

  private current(from: string | null, pc: string, epoch: number): Link | undefined {
    const link = from === null || pc !== PC ? undefined : this.links.get(from);
    return link?.epoch === epoch ? link : undefined;
  }

  private useServers(servers: readonly IceServer[]): void {
    this.ice = { ...this.ice, servers };
    for (const link of this.links.values()) link.pc.setConfiguration(toConfiguration(this.ice));
  }

  // --- measuring --------------------------------------------------------------------------------

  private async sample(): Promise<void> {
    const samples: Sample[] = [];
    for (const [peer, link] of this.links) {
      if (link.pc.connectionState !== "connected") continue;
      const summary = await link.measure();
      this.ports.onSummary(peer, summary);
      samples.push(summary);
    }
    if (samples.length) this.climb(worst(samples));
  }

  private climb(sample: Sample): void {
    const before = this.ladder;
    this.ladder = step(before, sample);
    if (this.ladder.rung === before.rung) return;
    for (const link of this.links.values()) this.applyTo(link);
    if (lineOf(this.ladder) !== lineOf(before)) this.ports.onLine(lineOf(this.ladder));
  }

  private applyTo(link: Link): void {
    void link.applyRung(this.ladder.rung);
  }
}

function epochOf(snapshot: Snapshot, peer: string): number {
  return snapshot.links.find((link) => link.peer === peer && link.pc === PC)?.epoch ?? 1;
}

/** All connections share our one line: the worst of each speaks for it. */
function worst(samples: readonly Sample[]): Sample {
  const most = (values: (number | null)[]) => Math.max(0, ...values.map((value) => value ?? 0));
  const available = samples.flatMap(({ availableBitsPerSecond: value }) => (value === null ? [] : [value]));
  return {
    lossOut: most(samples.map(({ lossOut }) => lossOut)),
    rttMs: most(samples.map(({ rttMs }) => rttMs)),
    availableBitsPerSecond: available.length ? Math.min(...available) : null,
  };
}
