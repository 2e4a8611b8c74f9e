/** A one-time link: its word stands behind #, so no address holds it; it is posted, and leaves the history. */
const form = document.querySelector<HTMLFormElement>("#open-link");
const field = form?.elements.namedItem("word");

function open(): void {
  document.getElementById("needs-script")?.remove();
  const word = window.location.hash.slice(1);
  const complaint = document.getElementById("no-word");
  if (complaint !== null) complaint.hidden = word !== "";
  if (word === "" || !(field instanceof HTMLInputElement)) return;
  window.history.replaceState(null, "", window.location.pathname);
  field.value = word;
  form?.submit();
}

window.addEventListener("hashchange", open); // the link pasted again into this very page
open();
