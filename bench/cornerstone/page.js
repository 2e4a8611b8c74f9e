/* A series in a stack viewport, as the examples of Cornerstone3D show one. With ?orthanc=… by WADO-URI. */
import { Enums, RenderingEngine, init } from "@cornerstonejs/core";
import { init as initLoader, wadors } from "@cornerstonejs/dicom-image-loader";
import { utilities } from "@cornerstonejs/metadata";
import { api } from "dicomweb-client";

const query = new URLSearchParams(location.search);
const [INSTANCE_NUMBER, SOP] = ["00200013", "00080018"];

/** By WADO-RS: the metadata of the series is kept where the loader looks for it. */
async function frames(study, series) {
  const root = `${location.origin}/dicom-web`;
  const client = new api.DICOMwebClient({ url: root });
  const instances = await client.retrieveSeriesMetadata({ studyInstanceUID: study, seriesInstanceUID: series });
  instances.sort((a, b) => a[INSTANCE_NUMBER].Value[0] - b[INSTANCE_NUMBER].Value[0]);
  return instances.map((instance) => {
    const id = `wadors:${root}/studies/${study}/series/${series}/instances/${instance[SOP].Value[0]}/frames/1`;
    wadors.metaDataManager.add(id, instance);
    utilities.addDicomWebInstance(id, instance);
    return id;
  });
}

/** Whole files, in the order that Orthanc gives them. */
async function files(series) {
  const answer = await fetch(`/series/${series}/ordered-slices`);
  return (await answer.json()).Dicom.map((path) => `wadouri:${location.origin}${path}`);
}

await init({ rendering: { useCPURendering: true } });
await initLoader();
const element = document.getElementById("viewport");
const engine = new RenderingEngine("engine");
engine.enableElement({ viewportId: "stack", type: Enums.ViewportType.STACK, element });
const viewport = engine.getViewport("stack");
window.shown = {};
element.addEventListener(Enums.Events.IMAGE_RENDERED, () => {
  // An empty viewport is rendered too.
  if (viewport.getCornerstoneImage()) window.shown.full ??= performance.now();
});
window.values = () => Array.from(viewport.getCornerstoneImage().getPixelData());
const series = query.get("orthanc");
await viewport.setStack(await (series ? files(series) : frames(query.get("study"), query.get("series"))));
viewport.render();
