/** The upload of studies, on pages that have a place for it (#upload); its script is loaded only there. */
export function mountCaseUpload(done: () => void): void {
  const root = document.getElementById("upload");
  if (root) root.addEventListener("uploaded", done);
}
