/** What the server tells of a study before its pixels: see `dicom/manifest.py`. */

export interface VoiLut {
  readonly first: number;
  readonly bits: number;
  /** Words in little endian, base64. */
  readonly data: string;
}

export interface WindowPreset {
  readonly center: number;
  readonly width: number;
  readonly name: string;
}

export type VoiFunction = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

export type Spacing =
  | { readonly kind: "pixel" | "imager"; readonly row_mm: number; readonly column_mm: number; readonly calibrated: boolean }
  | { readonly kind: "us-region" }
  | { readonly kind: null; readonly reason: "no-spacing" | "no-us-region" | "capture" };

export interface UsRegion {
  /** x0, y0, x1, y1; the last ones are inside. */
  readonly box: readonly [number, number, number, number];
  readonly step: readonly [number, number];
  /** PS3.3 C.8.5.5.1.15: 3 is cm. */
  readonly units: readonly [number | null, number | null];
  readonly format: number | null;
}

export type Triple = readonly [number, number, number];

/** What may differ from frame to frame. */
export interface FrameFacts {
  readonly position: Triple | null;
  readonly orientation: readonly [number, number, number, number, number, number] | null;
  readonly windows: readonly WindowPreset[];
  readonly voi_function: string;
  readonly rescale: { readonly slope: number; readonly intercept: number; readonly units: string };
}

export type Suv = { readonly factor: number } | { readonly reason: string };

export interface Instance extends FrameFacts {
  readonly instance: number;
  readonly sop: string;
  readonly number: number | null;
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
  readonly photometric: "MONOCHROME1" | "MONOCHROME2" | "RGB";
  /** Whom this image names, where that is somebody else than its study names. */
  readonly other_patient: string | null;
  /** A photo of a film: nothing on it can be measured. */
  readonly is_film: boolean;
  readonly spacing: Spacing;
  /** Height of a pixel divided by its width. */
  readonly aspect: number;
  readonly padding: readonly [number, number] | null;
  readonly voi_lut: string | null;
  readonly frame_ms: number | null;
  /** How long each frame but the last is shown, where they differ. */
  readonly frame_times: readonly number[] | null;
  readonly patient_orientation: readonly string[] | null;
  readonly laterality: string | null;
  readonly view_position: string | null;
  readonly thickness_mm: number | null;
  /** Of a PET image: what a value is multiplied with, or why there is no SUV. */
  readonly suv: Suv | null;
  readonly us_regions: readonly UsRegion[];
  readonly per_frame: readonly Partial<FrameFacts>[] | null;
}

export interface Series {
  readonly series: number;
  readonly number: number | null;
  readonly modality: string;
  readonly description: string;
  readonly body_part: string;
  /** Images of series with the same one lie in one space. */
  readonly frame_of_reference: string;
  readonly instances: readonly Instance[];
}

export interface Patient {
  readonly name: string;
  readonly id: string;
  readonly birth_date: string;
  readonly sex: string;
  readonly age: string;
}

export interface Manifest {
  readonly study: number;
  readonly patient: Patient;
  readonly date: string;
  readonly time: string;
  readonly description: string;
  /** Images that name somebody else than the study. */
  readonly other_patients: number;
  readonly series: readonly Series[];
  readonly luts: Readonly<Record<string, VoiLut>>;
}

export interface StudySummary {
  readonly study: number;
  readonly patient_name: string;
  readonly study_date: string;
  readonly description: string;
  readonly modalities: readonly string[];
  readonly instance_count: number;
}

/** The server said no, or was not reached (status 0). The message is a sentence for the reader. */
export class NotLoaded extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** GET, with refusals as NotLoaded. Aborting throws AbortError as fetch does. */
export async function get(url: string, signal?: AbortSignal, cache: RequestCache = "default"): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", cache, ...(signal && { signal }) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new NotLoaded(0, "");
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as { detail?: string };
  throw new NotLoaded(response.status, body.detail ?? "");
}

export async function loadStudies(root: string): Promise<readonly StudySummary[]> {
  const body = (await (await get(`${root}/studies`)).json()) as { studies: StudySummary[] };
  return body.studies;
}

export async function loadManifest(root: string, study: number): Promise<Manifest> {
  return (await (await get(`${root}/studies/${study}`)).json()) as Manifest;
}
