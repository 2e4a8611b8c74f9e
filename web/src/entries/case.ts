/** The case page: the key images of its minutes; upload of studies beside them. */
import "./app";

import { KeyImages } from "../panels/keyimages";
import { mountCaseUpload } from "../uploads";

const place = document.getElementById("key-images");
if (place?.dataset.minutes !== undefined) {
  const images = new KeyImages(place.dataset.minutes, "mayWrite" in place.dataset);
  place.replaceWith(images.element);
  images.refresh().catch(() => undefined); // the case itself is on the page
}

void mountCaseUpload(() => window.location.reload());
