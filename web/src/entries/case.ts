/** The case page: upload of studies beside them. */
import "./app";

import { mountCaseUpload } from "../uploads";

mountCaseUpload(() => window.location.reload());
