/** The few things that every page does with the document, and no more. */

type Child = Node | string | null | undefined | false;
type Props<Tag extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[Tag], "style" | "dataset" | "children" | "attributes">
> & {
  /** Set as attributes, for names that are no properties: aria-label, role, data-… */
  attributes?: Record<string, string>;
};

/** A new element: `element("button", { type: "button", className: "btn" }, t("Gửi"))`. Strings become text, never HTML. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props<Tag> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const { attributes, ...properties } = props;
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return made;
}

/** Listen for `type` on every element inside `root` that matches `selector`, those of later swaps included. */
export function on<Type extends keyof HTMLElementEventMap>(
  root: Document | HTMLElement,
  type: Type,
  selector: string,
  handle: (target: HTMLElement, event: HTMLElementEventMap[Type]) => void,
): void {
  root.addEventListener(type, (event) => {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
    if (target) handle(target, event as HTMLElementEventMap[Type]);
  });
}

/** Say `text` to who sees and who hears the page: the one live region, emptied first so that a repeat is heard too. */
export function announce(text: string): void {
  const region = document.getElementById("announcements");
  if (!region) return;
  region.textContent = "";
  window.setTimeout(() => (region.textContent = text), 50);
}

/** The token that an unsafe request needs beside the same origin. */
export function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

/** Why a request failed, in a sentence to show. `status` 0: the server was not reached. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    sentence: string,
    readonly fields: Record<string, string> = {}, // what is wrong with each
  ) {
    super(sentence);
  }
}

/** The JSON body of an RFC 9457 refusal, as far as it is one. */
async function refusal(response: Response): Promise<Refused> {
  interface Problem {
    code?: string;
    detail?: string;
    title?: string;
    fields?: Record<string, string>;
  }
  const body = (await response.json().catch(() => ({}))) as Problem;
  return new Refused(response.status, body.code ?? "", body.detail ?? body.title ?? response.statusText, body.fields);
}

/** Send a request and return the JSON answer (undefined for 204). Throws Refused. */
async function call(url: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", "");
  }
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? undefined : ((await response.json()) as unknown);
}

/** GET a JSON answer. Throws Refused. */
export function getJson(url: string, options: { signal?: AbortSignal } = {}): Promise<unknown> {
  return call(url, { headers: { Accept: "application/json" }, ...options });
}

/** Send `data` as JSON and return the JSON answer (undefined for 204). Throws Refused. */
export function sendJson(
  method: "POST" | "PATCH",
  url: string,
  data: unknown,
  options: { signal?: AbortSignal; keepalive?: boolean } = {},
): Promise<unknown> {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf() };
  return call(url, { method, headers, body: JSON.stringify(data), ...options });
}

/** POST `data` as JSON. Throws Refused. */
export function postJson(
  url: string,
  data: unknown,
  options: { signal?: AbortSignal; keepalive?: boolean } = {},
): Promise<unknown> {
  return sendJson("POST", url, data, options);
}

/** DELETE. Throws Refused. */
export async function deleteJson(url: string): Promise<void> {
  await call(url, { method: "DELETE", headers: { Accept: "application/json", "X-CSRF-Token": csrf() } });
}
