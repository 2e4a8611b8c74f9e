import { expect, it } from "vitest";

import { aManifest, anImage, aSeries } from "./builders";
import { ageText, dateText, filmLine, otherPatientLine } from "./corners";
import { Model } from "./model";

const patient = (age: string, birth_date = "") => ({ name: "", id: "", birth_date, sex: "", age });

it("gives ages in words, from the file or from the birth date on the day of the study", () => {
  expect(ageText(patient("052Y"), "")).toBe("52 tuổi");
  expect(ageText(patient("003M"), "")).toBe("3 tháng tuổi");
  expect(ageText(patient("", "19580304"), "20260303")).toBe("67 tuổi");
  expect(ageText(patient("", "19580304"), "20260304")).toBe("68 tuổi");
  expect(ageText(patient("", "1958"), "20260304")).toBe("");
});

it("writes dates as they are read here", () => {
  expect(dateText("20261122")).toBe("22/11/2026");
  expect(dateText("2026")).toBe("2026");
});

it("says on a photo of a film that nothing can be measured on it, and on nothing else", () => {
  const shown = (is_film: boolean): string => {
    const model = new Model();
    model.open(aManifest([aSeries([anImage({ is_film })])]));
    return filmLine(model);
  };
  expect(shown(true)).toBe("Ảnh chụp phim: không dùng để đo");
  expect(shown(false)).toBe("");
});

it("says whom an image names that is not its study's patient, and on the others that there is one", () => {
  const other = anImage({ other_patient: "Lê Thị Khác" });
  const model = new Model();
  model.open(aManifest([aSeries([other, anImage({ instance: 2, sop: "1.2.4", number: 2 })])], { other_patients: 1 }));
  expect(otherPatientLine(model)).toContain("LÊ THỊ KHÁC");
  model.goTo(1);
  expect(otherPatientLine(model)).toBe("CHÚ Ý: 1 ảnh trong ca chụp ghi người bệnh khác");
  model.open(aManifest([aSeries([anImage()])], { study: 2 }));
  expect(otherPatientLine(model)).toBe("");
});
