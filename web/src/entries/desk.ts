/** The triage desk: an emergency rings, by sound and in the title, until somebody takes it. */
import "./app";

import { startBell } from "../bell";

startBell();
