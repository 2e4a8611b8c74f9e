import "../../styles/room.css";

import { Check, type CheckData } from "../check";

const source = document.getElementById("room-data")?.textContent;
if (source) new Check(JSON.parse(source) as CheckData).start();
