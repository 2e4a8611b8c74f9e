import "../../styles/room.css";

import { type Minutes, Room, type RoomData } from "../room";
import { openViewer } from "../viewer/index";

interface MinutesModule {
  mountMinutes(root: HTMLElement, options: { root_url: string; csrf: string; onSeq?: (seq: number) => void }): Minutes;
}
const minutes = import.meta.glob<MinutesModule>("../panels/minutes.ts");

async function mountMinutes(root: HTMLElement, data: RoomData): Promise<Minutes | null> {
  const module = await minutes["../panels/minutes.ts"]?.();
  return module?.mountMinutes(root, { root_url: data.minutes_root, csrf: data.csrf }) ?? null;
}

const source = document.getElementById("room-data")?.textContent;
if (source) new Room(JSON.parse(source) as RoomData, { openViewer, mountMinutes }).start();
