/** Our own camera and microphone: opened, switched, unplugged, and what the others are told of them. */

import { onDeviceChange, openDevices, type Opened } from "../devices";
import { showHints } from "../devicebox";
import type { MediaState } from "../messages";

export interface OwnMediaPorts {
  /** Send these tracks from now on. */
  readonly send: (tracks: Opened) => Promise<void>;
  /** The others, and our own page, are to know. */
  readonly onChange: () => void;
}

export class OwnMedia {
  private opened: Opened = { audio: null, video: null, hints: [] };
  private told: MediaState = { mic: false, camera: false, hold_voice: false, line: "good" };
  private shown: MediaStream | null = null;

  constructor(
    private readonly hints: HTMLElement,
    private readonly ports: OwnMediaPorts,
  ) {}

  start(): void {
    void this.open({});
    onDeviceChange(() => void this.replug());
  }

  get state(): MediaState {
    return this.told;
  }

  /** What our own tile shows; the same object as long as the picture is the same. */
  get picture(): MediaStream | null {
    if (!this.opened.video) return null;
    return (this.shown ??= new MediaStream([this.opened.video]));
  }

  change(changes: Partial<MediaState>): void {
    this.told = { ...this.told, ...changes };
    this.ports.onChange();
  }

  async open(choice: { audioId?: string; videoId?: string }): Promise<void> {
    const isMuted = this.opened.audio?.enabled === false;
    this.stop();
    this.opened = await openDevices(choice);
    this.shown = null;
    if (this.opened.audio && isMuted) this.opened.audio.enabled = false;
    showHints(this.hints, this.opened.hints, () => void this.open(choice));
    await this.ports.send(this.opened);
    this.change({ mic: this.opened.audio?.enabled ?? false, camera: this.opened.video !== null });
  }

  toggleMic(): void {
    if (!this.opened.audio) {
      void this.open({});
      return;
    }
    this.opened.audio.enabled = !this.opened.audio.enabled;
    this.change({ mic: this.opened.audio.enabled });
  }

  /** Off means off: the light of the camera goes out. */
  async toggleCamera(): Promise<void> {
    if (!this.opened.video) {
      await this.open({});
      return;
    }
    this.opened.video.stop();
    this.opened = { ...this.opened, video: null };
    this.shown = null;
    await this.ports.send(this.opened);
    this.change({ camera: false });
  }

  stop(): void {
    this.opened.audio?.stop();
    this.opened.video?.stop();
  }

  /** A device came or went: take what is missing now. */
  private async replug(): Promise<void> {
    const isGone = (track: MediaStreamTrack | null) => track?.readyState === "ended";
    if (isGone(this.opened.audio) || isGone(this.opened.video) || this.opened.audio === null) await this.open({});
  }
}
