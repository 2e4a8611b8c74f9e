/** The bell of the desk: two tones every three seconds while #queue says that something rings. */
import { announce } from "./dom";
import { t } from "./text";

const EVERY_MS = 3000;
const TONES_HZ = [880, 660] as const;

let sound: AudioContext | undefined;

/** Browsers keep a page silent until it was touched; asking earlier only fills the console with warnings. */
function mayPlay(): boolean {
  return !("userActivation" in navigator) || navigator.userActivation.hasBeenActive;
}

/** False when the browser keeps the page silent. */
function strike(): boolean {
  if (!mayPlay()) return false;
  sound ??= new AudioContext();
  if (sound.state !== "running") {
    void sound.resume();
    return false;
  }
  TONES_HZ.forEach((hz, index) => {
    if (!sound) return;
    const at = sound.currentTime + index * 0.35;
    const tone = new OscillatorNode(sound, { frequency: hz });
    const loudness = new GainNode(sound, { gain: 0 });
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.4, at + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.33);
    tone.connect(loudness).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.35);
  });
  return true;
}

function ringing(): number {
  return Number(document.getElementById("queue")?.dataset.ringing ?? 0);
}

export function startBell(): void {
  const title = document.title;
  let before = 0;
  const look = (): void => {
    const count = ringing();
    const notice = document.getElementById("bell-notice");
    const muted = document.getElementById("bell-muted");
    if (notice) notice.hidden = count === 0;
    const isHeard = count === 0 || strike();
    if (muted) muted.hidden = isHeard;
    if (count > before) announce(t("Có ca cấp cứu đang chờ người nhận."));
    before = count;
    // The tab's own name, so that another window in front still shows it.
    document.title = count > 0 && !document.title.startsWith("🔔") ? `🔔 (${count}) ${t("CẤP CỨU")} · ${title}` : title;
  };
  document.getElementById("try-bell")?.addEventListener("click", () => {
    sound ??= new AudioContext();
    void sound.resume().then(() => {
      strike();
      const muted = document.getElementById("bell-muted");
      if (muted) muted.hidden = true;
    });
  });
  look();
  window.setInterval(look, EVERY_MS);
}
