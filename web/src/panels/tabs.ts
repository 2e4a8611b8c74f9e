/** Tabs of the side panel (WAI-ARIA tabs pattern): arrows move, a dot marks what is new. */

import { on } from "../dom";

export class Tabs {
  constructor(private readonly root: HTMLElement) {
    on(root, "click", "[role=tab]", (tab) => this.open(tab.dataset.tab ?? ""));
    root.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const tabs = this.all();
      const next = tabs[(tabs.indexOf(document.activeElement as HTMLElement) + step + tabs.length) % tabs.length];
      next?.focus();
      this.open(next?.dataset.tab ?? "");
    });
  }

  open(name: string): void {
    for (const tab of this.all()) {
      const isOpen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      if (isOpen) tab.removeAttribute("data-new");
      const panel = document.getElementById(`panel-${tab.dataset.tab ?? ""}`);
      if (panel) panel.hidden = !isOpen;
    }
  }

  /** Something new in a tab that is not open. */
  mark(name: string): void {
    const tab = this.all().find((each) => each.dataset.tab === name);
    if (tab?.getAttribute("aria-selected") === "false") tab.setAttribute("data-new", "");
  }

  private all(): HTMLElement[] {
    return [...this.root.querySelectorAll<HTMLElement>("[role=tab]")];
  }
}
