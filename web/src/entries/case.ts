/** The case page: upload of studies beside them. */
import "./app";

import { mountCaseUpload } from "../uploads";

void mountCaseUpload(() => window.location.reload());
