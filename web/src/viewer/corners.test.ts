import { expect, it } from "vitest";

import { ageText, dateText } from "./corners";

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
