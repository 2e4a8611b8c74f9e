/**
 * Every message of `hoichan.v1` (signaling/PROTOCOL.md), typed as the server types it. The examples in
 * tests/messages/ are read by both sides' tests.
 */

import { flag, list, Misshapen, nullable, number, type Of, oneOf, record, type Shape, text, tuple } from "./shape";

export const VERSION = 1;
export const SUBPROTOCOL = "hoichan.v1";

// --- pieces ---------------------------------------------------------------------------------------

const iceServer = record({ urls: list(text), username: nullable(text), credential: nullable(text) });
const candidate = record({
  candidate: text,
  sdpMid: nullable(text),
  sdpMLineIndex: nullable(number),
  usernameFragment: nullable(text),
});
const mediaState = record({
  mic: flag,
  camera: flag,
  hold_voice: flag,
  line: oneOf("good", "fair", "poor"),
});
const person = record({ person: number, name: text, title: text, hospital: text });
const member = record({
  peer: text,
  person: number,
  name: text,
  title: text,
  hospital: text,
  site: text,
  role: text,
  here: flag,
  since_ms: number,
  media: mediaState,
});
const knock = record({
  peer: text,
  person: number,
  name: text,
  title: text,
  hospital: text,
  here: flag,
  since_ms: number,
});
const link = record({ peer: text, pc: text, epoch: number });
const point = tuple(number, number);
const bit = oneOf(0, 1);
const shownFields = {
  study: number,
  sop: text,
  frame: number,
  voi: tuple(number, number, bit),
  view: tuple(number, number, number, oneOf(0, 90, 180, 270), bit, bit),
  plane: nullable(record({ kind: oneOf("coronal", "sagittal"), at: number })),
};
const shown = record(shownFields);
const layout = record({ rows: number, columns: number, active: number, cells: list(nullable(shown)) });
const view = record({ ...shownFields, pointer: nullable(point), playing: flag, layout: nullable(layout) });
const markFields = {
  uid: text,
  rev: number,
  study: number,
  sop: text,
  frame: number,
  tool: text, // the viewer passes over those that only a newer page knows
  points: list(point),
  text,
  removed: flag,
};
const mark = record(markFields);
const chatted = record({ n: number, id: text, person, text, at_ms: number });
export const marked = record({ n: number, person, mark });
const snapshot = record({
  peer: text,
  rev: number,
  members: list(member),
  links: list(link),
  waiting: list(knock),
  presenter: nullable(person),
  view: nullable(view),
  marks: list(marked),
  chat: list(chatted),
  minutes_seq: nullable(number),
  n: number,
  now_ms: number,
  began_ms: number,
});
const described = record({ to: text, pc: text, epoch: number, sdp: text });
const trickled = record({ to: text, pc: text, epoch: number, candidate: nullable(candidate) });
const count = record({ n: number });
const nothing = record({});

export type IceServer = Of<typeof iceServer>;
export type Candidate = Of<typeof candidate>;
export type MediaState = Of<typeof mediaState>;
export type Line = MediaState["line"];
export type Person = Of<typeof person>;
export type Member = Of<typeof member>;
export type Knock = Of<typeof knock>;
export type Snapshot = Of<typeof snapshot>;
export type View = Of<typeof view>;
export type Mark = Of<typeof mark>;
export type Chatted = Of<typeof chatted>;

// --- messages -------------------------------------------------------------------------------------

const fromBrowser = {
  hello: record({
    versions: list(number),
    ticket: nullable(text),
    resume: nullable(record({ token: text, seq: nullable(number) })),
  }),
  knock: nothing,
  admit: record({ peer: text, allow: flag }),
  media: record({ media: mediaState }),
  offer: described,
  answer: described,
  ice: trickled,
  restart: record({ to: text, pc: text, epoch: number }),
  chat: record({ text }),
  "share-view": view,
  mark,
  present: record({ op: oneOf("take", "give", "drop"), to: nullable(text) }),
  resync: nothing,
  ping: count,
  pong: count,
  leave: nothing,
  end: nothing,
};

const fromServer = {
  welcome: record({
    version: number,
    peer: text,
    room: text,
    role: text,
    waits: flag,
    resumed: flag,
    resume: record({ token: text, ttl_s: number }),
    ice_servers: list(iceServer),
    ice_ttl_s: number,
    ping_ms: number,
    quiet_ms: number,
  }),
  joined: snapshot,
  knocked: record({ waiting: list(knock) }),
  admitted: record({ by: text }),
  roster: record({ rev: number, member }),
  left: record({ rev: number, peer: text, person, why: oneOf("left", "lost", "removed", "replaced") }),
  offer: described,
  answer: described,
  ice: trickled,
  restarted: record({ pc: text, epoch: number, peer: text, offers: flag }),
  "ice-servers": record({ ice_servers: list(iceServer), ice_ttl_s: number }),
  chatted,
  "view-shared": view,
  marked,
  "presenter-changed": record({ n: number, presenter: nullable(person) }),
  "minutes-changed": record({ seq: number }),
  "session-ended": record({ n: number, by: text }),
  ping: count,
  pong: count,
  resynced: snapshot,
  ok: nothing,
  error: record({ code: text, sentence: text, retry_after_ms: nullable(number) }),
  bye: record({ code: text, sentence: text, reconnect: oneOf("none", "resume", "rejoin") }),
};

type Union<Shapes extends Record<string, Shape<unknown>>> = {
  [T in keyof Shapes & string]: { readonly t: T; readonly d: Of<Shapes[T]> };
}[keyof Shapes & string];

/** A request of ours. Fields that may be null may also be left out on the wire. */
export type Request = Union<typeof fromBrowser>;
export type RequestType = Request["t"];
/** What the server says. */
export type Message = Union<typeof fromServer>;

/** A message and what the server stamped on it: `seq` counts, `re` answers, `from` is the sender's peer. */
export type Received = Message & {
  readonly seq: number | null;
  readonly re: string | null;
  readonly from: string | null;
};

const envelope = record({ v: oneOf(VERSION), t: text, seq: nullable(number), re: nullable(text), from: nullable(text) });

/** Read what the server sent. null: a type that only a newer page knows. Throws Misshapen. */
export function parse(value: unknown): Received | null {
  return read(fromServer, value) as Received | null;
}

/** Read a request, as the server would: for the examples. */
export function parseRequest(value: unknown): Request | null {
  return read(fromBrowser, value) as Request | null;
}

function read(shapes: Record<string, Shape<unknown>>, value: unknown): unknown {
  const { t, seq, re, from } = envelope(value);
  const shape = Object.hasOwn(shapes, t) ? shapes[t] : undefined;
  if (!shape) return null;
  return { t, seq, re, from, d: shape((value as { d: unknown }).d) };
}

/** Read one frame of the socket. Throws Misshapen, also for what is no JSON. */
export function parseText(frame: unknown): Received | null {
  if (typeof frame !== "string") throw new Misshapen("frame");
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    throw new Misshapen("json");
  }
  return parse(value);
}

/** Write a request. */
export function encode(request: Request, id?: string): string {
  return JSON.stringify({ v: VERSION, ...(id === undefined ? {} : { id }), t: request.t, d: request.d });
}

export const REQUEST_TYPES = Object.keys(fromBrowser) as readonly RequestType[];
export const MESSAGE_TYPES = Object.keys(fromServer) as readonly Message["t"][];
