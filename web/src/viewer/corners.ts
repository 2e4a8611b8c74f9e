/** The texts in the corners, the letters at the edges, the presenter's pointer: what lies over the image. */

import { element } from "../dom";
import { t } from "../text";
import { edges, fitScale } from "./geometry";
import type { Size } from "./geometry";
import type { Instance, Manifest, Patient, Series } from "./manifest";
import type { Model } from "./model";
import { decimal } from "./numbers";
import type { Point, View } from "./state";

type Corner = "top-left" | "top-right" | "bottom-left" | "bottom-right";
type Side = "left" | "right" | "top" | "bottom";

export class Corners {
  readonly root = element("div", { className: "viewer-overlay", attributes: { "aria-hidden": "true" } });
  private readonly corners = new Map<Corner, HTMLElement>();
  private readonly sides = new Map<Side, HTMLElement>();
  private readonly pointer = element("div", { className: "viewer-pointer", hidden: true });
  private readonly pointerName = element("span");

  constructor() {
    for (const corner of ["top-left", "top-right", "bottom-left", "bottom-right"] as const) {
      this.corners.set(corner, this.part(`viewer-corner viewer-${corner}`));
    }
    for (const side of ["left", "right", "top", "bottom"] as const) {
      this.sides.set(side, this.part(`viewer-side viewer-side-${side}`));
    }
    this.pointer.append(this.pointerName);
    this.root.append(this.pointer);
  }

  /** Write what holds for the image now. `loaded`: "" while nothing is there. */
  show(model: Model, viewport: Size, loaded: "full" | "quick" | ""): void {
    const { manifest, series, slice } = model;
    if (!manifest || !series || !slice) {
      for (const corner of this.corners.values()) corner.replaceChildren();
      return;
    }
    this.write("top-left", [manifest.patient.name.toLocaleUpperCase("vi"), patientLine(manifest), otherPatientLine(model)]);
    this.write("top-right", [dateText(manifest.date), manifest.description, takenLine(series, slice.image), lateralityText(slice.image.laterality)]);
    this.write("bottom-left", [seriesLine(series), imageLine(model), thicknessLine(model)]);
    this.write("bottom-right", [mirrorLine(model.view), shownLine(model, viewport), planeLine(model) || loadedText(loaded), filmLine(model), t("hỗ trợ hội chẩn, không dùng để chẩn đoán")]);
    const letters = edges(slice.facts, slice.image, model.view);
    for (const [side, label] of this.sides) setText(label, letters?.[side] ?? "");
  }

  /** Show where the presenter points, in CSS pixels of the viewport. */
  point(at: Point | null, name: string): void {
    this.pointer.hidden = at === null;
    if (!at) return;
    // The name goes to the side where there is room for it.
    this.pointer.classList.toggle("viewer-pointer-left", at[0] > this.root.clientWidth / 2);
    setText(this.pointerName, name);
    this.pointer.style.transform = `translate(${at[0]}px, ${at[1]}px)`;
  }

  private part(className: string): HTMLElement {
    const made = element("div", { className });
    this.root.append(made);
    return made;
  }

  private write(corner: Corner, lines: readonly string[]): void {
    const target = this.corners.get(corner);
    const text = lines.filter((line) => line !== "").join("\n");
    if (target && target.textContent !== text) target.replaceChildren(element("span", {}, text));
  }
}

/** A slice's place and window for who does not see it. */
export function spoken(model: Model): string {
  return [imageLine(model), windowLine(model)].join(". ");
}

export function imageLine({ slice, stack, at }: Model): string {
  const image = t("Ảnh {n}/{all}", { n: at + 1, all: stack.length });
  return slice && slice.image.frames > 1 && slice.image.frames !== stack.length
    ? `${image} · ${t("khung {n}/{all}", { n: slice.frame, all: slice.image.frames })}`
    : image;
}

/** "20261122" as 22/11/2026; what is no date stays as it is. */
export function dateText(da: string): string {
  const parts = /^(\d{4})(\d{2})(\d{2})$/.exec(da);
  return parts ? `${parts[3]}/${parts[2]}/${parts[1]}` : da;
}

/** "052Y" as 52 tuổi; else from the birth date on the day of the study. */
export function ageText(patient: Patient, studyDate: string): string {
  const parts = /^0*(\d+)([YMWD])$/.exec(patient.age);
  if (parts) {
    const n = Number(parts[1]);
    switch (parts[2]) {
      case "Y":
        return t("{n} tuổi", { n });
      case "M":
        return t("{n} tháng tuổi", { n });
      case "W":
        return t("{n} tuần tuổi", { n });
      default:
        return t("{n} ngày tuổi", { n });
    }
  }
  const [born, on] = [patient.birth_date, studyDate];
  if (!/^\d{8}$/.test(born) || !/^\d{8}$/.test(on)) return "";
  const hadBirthday = on.slice(4) >= born.slice(4);
  return t("{n} tuổi", { n: Number(on.slice(0, 4)) - Number(born.slice(0, 4)) - (hadBirthday ? 0 : 1) });
}

function patientLine({ patient, date }: Manifest): string {
  const sex = { M: t("nam"), F: t("nữ"), O: t("giới khác") }[patient.sex] ?? "";
  return [patient.id, sex, ageText(patient, date)].filter((part) => part !== "").join(" · ");
}

export function seriesLine({ number, modality, description }: Series): string {
  const head = [modality, number === null ? "" : String(number)].filter((part) => part !== "").join(" ");
  return [head, description].filter((part) => part !== "").join(" · ");
}

function thicknessLine({ slice }: Model): string {
  const mm = slice?.image.thickness_mm;
  return mm ? t("dày {n} mm", { n: decimal(mm) }) : "";
}

function windowLine({ voi, slice }: Model): string {
  if (!voi || slice?.image.photometric === "RGB") return "";
  const inverted = voi[2] ? ` · ${t("đảo màu")}` : "";
  return `C ${decimal(voi[0])} W ${decimal(voi[1])}${inverted}`;
}

function zoomLine({ view, slice }: Model, viewport: Size): string {
  if (!slice) return "";
  return t("phóng {n}%", { n: Math.round(100 * view[2] * fitScale(slice.image, view[3], viewport)) });
}

function shownLine(model: Model, viewport: Size): string {
  return [windowLine(model), zoomLine(model, viewport)].filter((part) => part !== "").join(" · ");
}

/** A mirrored image is never to be taken for one that is not. */
function mirrorLine([, , , , flipH, flipV]: View): string {
  return flipH !== flipV ? t("ĐANG LẬT GƯƠNG") : "";
}

/** In place of the truth label: such a plane is never the image as it was made. */
function planeLine({ plane, source, slice }: Model): string {
  const name = { coronal: t("đứng ngang"), sagittal: t("đứng dọc") };
  const coarse = slice?.halved ? t(", độ nét 1/{n}", { n: 2 ** slice.halved }) : "";
  const filled = slice?.filled?.() ?? 0;
  if (plane && filled < source.length) return t("mặt {plane}: đang dựng {n}/{all}", { plane: name[plane], n: filled, all: source.length });
  return plane ? t("mặt {plane} dựng lại từ {n} ảnh{coarse}, không đo được", { plane: name[plane], n: source.length, coarse }) : "";
}

function loadedText(loaded: "full" | "quick" | ""): string {
  if (loaded === "full") return t("đầy đủ");
  return loaded === "quick" ? t("xem nhanh, đang tải đầy đủ") : t("đang tải…");
}

/** Nobody is to take one patient's image for another's: said on the image itself, and on all of its study. */
export function otherPatientLine({ manifest, slice }: Model): string {
  const name = slice?.image.other_patient;
  if (name) return t("CHÚ Ý: ảnh này ghi người bệnh khác: {name}", { name: name.toLocaleUpperCase("vi") });
  const count = manifest?.other_patients ?? 0;
  return count > 0 ? t("CHÚ Ý: {count} ảnh trong ca chụp ghi người bệnh khác", { count }) : "";
}

export function filmLine({ slice }: Model): string {
  return slice?.image.is_film ? t("Ảnh chụp phim: không dùng để đo") : "";
}

/** "CHEST · PA": a heart is larger on AP than on PA. */
function takenLine({ body_part }: Series, { view_position }: Instance): string {
  return [body_part, view_position].filter(Boolean).join(" · ");
}

function lateralityText(laterality: string | null): string {
  switch (laterality) {
    case "R":
      return t("Bên chụp: PHẢI");
    case "L":
      return t("Bên chụp: TRÁI");
    case "B":
      return t("Bên chụp: hai bên");
    default:
      return "";
  }
}

function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
