import "../../styles/room.css";

import { holdLine } from "../ahead";
import { Room } from "../room";
import type { RoomData } from "../room/ports";
import { openViewer } from "../viewer/index";

const source = document.getElementById("room-data")?.textContent;
if (source) {
  const data = JSON.parse(source) as RoomData;
  // The notes come after the call: they are not what one waits for.
  const mountMinutes = async (root: HTMLElement) => (await import("../panels/minutes")).mountMinutes(root, data);
  holdLine();
  new Room(data, { openViewer, mountMinutes }).start();
}
