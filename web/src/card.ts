/** The QR text of a citizen card as a scanner types it: `CCCD|CMND|name|ddmmyyyy|sex|address|issued ddmmyyyy`. */

export interface Card {
  id_number: string;
  patient_name: string;
  birth_text: string;
  /** 1 nam, 2 nữ, 3 chưa xác định */
  sex: string;
  address: string;
}

const SEXES: Readonly<Record<string, string>> = { nam: "1", "nữ": "2" };

/** The fields that the card fills; null when the text is no such card. */
export function readCard(text: string): Card | null {
  const parts = text.normalize("NFC").split("|").map((part) => part.trim());
  const [number = "", , name = "", born = "", sex = "", address = ""] = parts;
  const day = /^(\d{2})(\d{2})(\d{4})$/.exec(born);
  if (parts.length < 6 || !/^\d{12}$/.test(number) || !name || !day) return null;
  return {
    id_number: number,
    patient_name: name,
    birth_text: day.slice(1).join("/"),
    sex: SEXES[sex.toLowerCase()] ?? "3",
    address,
  };
}
