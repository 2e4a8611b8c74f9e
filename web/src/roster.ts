/** Who is here, who leads, who waits: what the room's messages add up to. Pure. */

import type { Knock, Member, Person, Received, Snapshot } from "./messages";

export interface RoomState {
  readonly me: string;
  readonly members: readonly Member[];
  readonly waiting: readonly Knock[];
  readonly presenter: Person | null;
  readonly isWaiting: boolean;
  /** When the session began, by this machine's clock; null before one is in. */
  readonly beganAt: number | null;
}

export const NOBODY: RoomState = {
  me: "",
  members: [],
  waiting: [],
  presenter: null,
  isWaiting: false,
  beganAt: null,
};

function fromSnapshot(snapshot: Snapshot, now: number): RoomState {
  return {
    me: snapshot.peer,
    members: snapshot.members,
    waiting: snapshot.waiting,
    presenter: snapshot.presenter,
    isWaiting: false,
    // The clocks of two machines differ: only the time between two of the server's is trusted.
    beganAt: now - (snapshot.now_ms - snapshot.began_ms),
  };
}

/** The state after one more message; the same object where nothing changed. */
export function reduce(state: RoomState, message: Received, now: number): RoomState {
  switch (message.t) {
    case "welcome":
      return { ...state, me: message.d.peer, isWaiting: message.d.waits };
    case "joined":
    case "resynced":
      return fromSnapshot(message.d, now);
    case "roster": {
      const { member } = message.d;
      const isKnown = state.members.some(({ peer }) => peer === member.peer);
      const members = isKnown
        ? state.members.map((each) => (each.peer === member.peer ? member : each))
        : [...state.members, member];
      return { ...state, members };
    }
    case "left":
      return { ...state, members: state.members.filter(({ peer }) => peer !== message.d.peer) };
    case "knocked":
      return { ...state, waiting: message.d.waiting };
    case "presenter-changed":
      return { ...state, presenter: message.d.presenter };
    default:
      return state;
  }
}

export function fullName({ title, name }: { readonly title: string; readonly name: string }): string {
  return `${title} ${name}`.trim();
}

export function myself(state: RoomState): Member | undefined {
  return state.members.find(({ peer }) => peer === state.me);
}
