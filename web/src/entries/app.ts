/** What every page has: the look, htmx, notices, menus, dialogs, running clocks, and forms that lose nothing. */
import "../../styles/app.css";
import "htmx.org/dist/htmx.esm.min.js";

import { startAhead } from "../aheadsoon";
import { startClocks } from "../clocks";
import { startDates } from "../dates";
import { startDialogs, startMenus } from "../dialogs";
import { startForms } from "../forms";
import { startLeaving } from "../leaving";
import { startOfflineNotice } from "../offline";
import { showWaitingToast } from "../toast";

startOfflineNotice();
startMenus();
startDialogs();
startForms();
startClocks();
startDates();
startLeaving();
startAhead();
showWaitingToast();
