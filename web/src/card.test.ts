import { describe, expect, it } from "vitest";

import { readCard } from "./card";

describe("the QR text of a citizen card", () => {
  it("fills the fields of the patient", () => {
    expect(readCard("000200000001|000000001|Nguyễn Thị Tưởng|02031958|Nữ|Thôn 1, Xã Mẫu|01012022")).toEqual({
      id_number: "000200000001",
      patient_name: "Nguyễn Thị Tưởng",
      birth_text: "02/03/1958",
      sex: "2",
      address: "Thôn 1, Xã Mẫu",
    });
  });

  it("is read when the name came with separate marks", () => {
    expect(readCard("000200000001||Nguyễn|02031958|Nam|X|01012022".normalize("NFD"))?.patient_name).toBe("Nguyễn");
  });

  it.each(["", "000200000001", "1|2|3|4|5|6|7", "000200000001||Ai|0203|Nam|X|01012022"])("is not %j", (text) => {
    expect(readCard(text)).toBeNull();
  });
});
