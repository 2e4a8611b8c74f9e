/** The series of a study with their thumbnails: one is chosen by click, tap or arrow keys. */

import { element } from "../dom";
import { t } from "../text";
import { dateText, seriesLine } from "./corners";
import type { Manifest, Series, StudySummary } from "./manifest";

const DRAGGED = "application/x-hoichan-series";

export interface StripEvents {
  onStudy(study: number): void;
  onSeries(series: number): void;
}

export class Strip {
  readonly root = element("div", { className: "viewer-strip" });
  private readonly studies = element("select", { className: "viewer-select", hidden: true, attributes: { "aria-label": t("Ca chụp") } });
  private readonly list = element("div", {
    className: "viewer-series-list",
    attributes: { role: "listbox", "aria-label": t("Loạt ảnh") },
  });

  constructor(
    private readonly imagesRoot: string,
    private readonly events: StripEvents,
  ) {
    this.root.append(this.studies, this.list);
    this.studies.addEventListener("change", () => events.onStudy(Number(this.studies.value)));
    this.list.addEventListener("keydown", (event) => this.move(event));
  }

  showStudies(studies: readonly StudySummary[], chosen: number | undefined): void {
    this.studies.hidden = studies.length < 2;
    this.studies.replaceChildren(
      ...studies.map(({ study, modalities, study_date, description, instance_count }) =>
        element(
          "option",
          { value: String(study), selected: study === chosen },
          [modalities.join("/"), dateText(study_date), description, t("{n} ảnh", { n: instance_count })].filter(Boolean).join(" · "),
        ),
      ),
    );
  }

  showSeries(manifest: Manifest, chosen: Series | null): void {
    this.studies.value = String(manifest.study);
    this.list.replaceChildren(...manifest.series.map((series) => this.option(manifest.study, series)));
    this.choose(chosen);
  }

  choose(series: Series | null): void {
    for (const option of this.options()) {
      const isChosen = option.dataset.series === String(series?.series);
      if (option.getAttribute("aria-selected") === String(isChosen)) continue;
      option.setAttribute("aria-selected", String(isChosen));
      option.tabIndex = isChosen ? 0 : -1;
      if (isChosen) option.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  private option(study: number, series: Series): HTMLElement {
    const frames = series.instances.reduce((sum, { frames }) => sum + frames, 0);
    const thumbnail = element("img", {
      src: `${this.imagesRoot}/studies/${study}/series/${series.series}/thumbnail`,
      alt: "",
      loading: "lazy",
      decoding: "async",
    });
    thumbnail.addEventListener("error", () => thumbnail.remove(), { once: true });
    const option = element(
      "div",
      { className: "viewer-series", tabIndex: -1, title: seriesLine(series), attributes: { role: "option", "aria-selected": "false" } },
      element("span", { className: "viewer-thumbnail" }, thumbnail),
      element("span", { className: "viewer-series-name" }, seriesLine(series)),
      element("span", { className: "viewer-series-count" }, t("{n} ảnh", { n: frames })),
    );
    option.dataset.series = String(series.series);
    option.draggable = true;
    thumbnail.draggable = false; // the series is dragged, not its picture
    option.addEventListener("dragstart", ({ dataTransfer }) => {
      dataTransfer?.setData(DRAGGED, JSON.stringify([study, series.series]));
      if (dataTransfer) dataTransfer.effectAllowed = "copy";
    });
    option.addEventListener("click", () => this.events.onSeries(series.series));
    return option;
  }

  isDragged({ dataTransfer }: DragEvent): boolean {
    return dataTransfer?.types.includes(DRAGGED) === true;
  }

  /** The series that was let go, if it was one. */
  dropped({ dataTransfer }: DragEvent): { study: number; series: number } | null {
    const parts = /^\[(\d+),(\d+)\]$/.exec(dataTransfer?.getData(DRAGGED) ?? "");
    return parts && { study: Number(parts[1]), series: Number(parts[2]) };
  }

  private move(event: KeyboardEvent): void {
    const options = this.options();
    const at = options.findIndex((option) => option === document.activeElement);
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const target = by !== undefined ? options[at + by] : event.key === "Enter" || event.key === " " ? options[at] : undefined;
    if (by === undefined && !target) return;
    event.preventDefault();
    event.stopPropagation(); // the same keys scroll images elsewhere in the viewer
    if (!target) return;
    target.focus();
    this.events.onSeries(Number(target.dataset.series));
  }

  private options(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(".viewer-series")];
  }
}
