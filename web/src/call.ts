/**
 * Browser to browser: one connection for each remote peer (a mesh of two or three), as the server's messages
 * say. Knows no page and no socket: both are given to it.
 */

import { isPolite, Link, toConfiguration } from "./call/link";
import { type CallPorts, type IceSettings, PC, type Tracks } from "./call/ports";
import { type Ladder, lineOf, type Sample, START, step, worst } from "./ladder";
import type { IceServer, Member, Received, Snapshot } from "./messages";

const SAMPLE_MS = 1000;

/** All connections of this page. */
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
