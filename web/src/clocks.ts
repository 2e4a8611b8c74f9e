/** Times that run: `<span data-since="2026-11-22T07:00:00Z" data-late-after="180">` counts up from an instant. */
import { t } from "./text";

/** "45 giây", "1 phút 20 giây", "2 giờ 5 phút", "3 ngày". `seconds` below 0 counts as 0. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days > 0) return hours > 0 ? t("{days} ngày {hours} giờ", { days, hours }) : t("{days} ngày", { days });
  if (hours > 0) return t("{hours} giờ {minutes} phút", { hours, minutes });
  if (minutes > 0) return t("{minutes} phút {seconds} giây", { minutes, seconds: whole % 60 });
  return t("{seconds} giây", { seconds: whole });
}

function tick(): void {
  for (const clock of document.querySelectorAll<HTMLElement>("[data-since]")) {
    const seconds = (Date.now() - Date.parse(clock.dataset.since ?? "")) / 1000;
    const text = span(seconds);
    if (clock.textContent !== text) clock.textContent = text;
    clock.classList.toggle("is-late", seconds > Number(clock.dataset.lateAfter ?? Infinity));
  }
}

export function startClocks(): void {
  tick();
  window.setInterval(tick, 1000);
}
