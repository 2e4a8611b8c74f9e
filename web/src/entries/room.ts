import "../../styles/room.css";

import { type Minutes, Room, type RoomData } from "../room";
import { openViewer } from "../viewer/index";

/** The minutes come in their own chunk: the picture and the voice are there first. */
async function mountMinutes(root: HTMLElement, data: RoomData): Promise<Minutes | null> {
  const panel = await import("../panels/minutes");
  return panel.mountMinutes(root, { minutes_root: data.minutes_root });
}

const source = document.getElementById("room-data")?.textContent;
if (source) new Room(JSON.parse(source) as RoomData, { openViewer, mountMinutes }).start();
