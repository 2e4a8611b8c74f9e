/** SUV of a PET image: the factor comes from the server (`dicom/suv.py`), with the reason where there is none. */

import { later, t } from "../text";
import type { WindowPreset } from "./manifest";
import { decimal } from "./numbers";
import type { Slice } from "./stack";
import type { Statistics } from "./values";

const REASONS: Readonly<Record<string, string>> = {
  units: later("đơn vị của ảnh không đổi ra SUV được"),
  "suv-type": later("ảnh ghi một loại SUV khác, không theo cân nặng"),
  "not-corrected": later("ảnh chưa hiệu chỉnh suy giảm hoặc phân rã"),
  weight: later("tệp không ghi cân nặng"),
  dose: later("tệp không ghi liều đã tiêm"),
  "half-life": later("tệp không ghi chu kỳ bán rã"),
  "injection-time": later("tệp không ghi đúng giờ tiêm"),
  "scan-time": later("tệp không ghi đúng giờ chụp"),
};

/** SUV by body weight of a value after rescale, or why not; no lines for what is no PET. */
export function suvAt({ image: { suv } }: Slice, value: number): string[] {
  if (!suv) return [];
  return ["reason" in suv ? refusal(suv.reason) : t("SUV {value} (theo cân nặng)", { value: decimal(value * suv.factor, 2, 2) })];
}

export function suvOf({ image: { suv } }: Slice, { mean, sd, min, max }: Statistics): string[] {
  if (!suv) return [];
  if ("reason" in suv) return [refusal(suv.reason)];
  const of = (value: number) => decimal(value * suv.factor, 2, 2);
  return [
    t("SUV TB {mean} · ĐLC {sd}", { mean: of(mean), sd: of(sd) }),
    t("SUV nhỏ nhất {min} · lớn nhất {max}", { min: of(min), max: of(max) }),
  ];
}

/** Windows in SUV, as values of the image. */
export function suvPresets({ image: { suv } }: Slice): WindowPreset[] {
  if (!suv || "reason" in suv) return [];
  return [5, 7, 10].map((most) => ({ name: `SUV 0–${most}`, center: most / 2 / suv.factor, width: most / suv.factor }));
}

function refusal(reason: string): string {
  return t("không có SUV: {reason}", { reason: t(REASONS[reason] ?? reason) });
}
