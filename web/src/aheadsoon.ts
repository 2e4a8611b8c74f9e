/** A specialist's page that is open and has done its own work fetches the images of the sessions to come. */

const SOON_MS = 3000;

export function startAhead(): void {
  if (document.body.dataset.ahead === undefined) return;
  window.setTimeout(() => void import("./ahead").then(({ fetchAhead }) => fetchAhead()).catch(() => undefined), SOON_MS);
}
