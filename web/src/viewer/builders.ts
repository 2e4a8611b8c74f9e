/** Small things that the viewer's tests are made of. */

import type { Instance, Manifest, Series } from "./manifest";
import type { DecodedFrame } from "./pixels";
import { stackOf } from "./stack";
import type { Slice } from "./stack";

export function anImage(changes: Partial<Instance> = {}): Instance {
  return {
    instance: 1,
    sop: "1.2.3",
    number: 1,
    frames: 1,
    rows: 200,
    columns: 100,
    photometric: "MONOCHROME2",
    other_patient: null,
    is_film: false,
    spacing: { kind: null, reason: "no-spacing" },
    aspect: 1,
    padding: null,
    voi_lut: null,
    frame_ms: null,
    frame_times: null,
    patient_orientation: null,
    laterality: null,
    view_position: null,
    thickness_mm: null,
    suv: null,
    us_regions: [],
    per_frame: null,
    position: null,
    orientation: null,
    windows: [],
    voi_function: "LINEAR",
    rescale: { slope: 1, intercept: 0, units: "" },
    ...changes,
  };
}

export function aSeries(instances: readonly Instance[], changes: Partial<Series> = {}): Series {
  return { series: 1, number: 1, modality: "CT", description: "", body_part: "", frame_of_reference: "", instances, ...changes };
}

export function aManifest(series: readonly Series[], changes: Partial<Manifest> = {}): Manifest {
  const patient = { name: "Nguyễn Văn An", id: "BN1", birth_date: "19580304", sex: "M", age: "" };
  return { study: 1, patient, date: "20261121", time: "", description: "", other_patients: 0, series, luts: {}, ...changes };
}

export function aSlice(changes: Partial<Instance> = {}): Slice {
  const [slice] = stackOf(aSeries([anImage(changes)]), 1);
  if (!slice) throw new Error("no frames");
  return slice;
}

export function aFrame(pixels: number[], changes: { low?: number; high?: number; level?: number } = {}): DecodedFrame {
  const [min, max] = [Math.min(...pixels), Math.max(...pixels)];
  const facts = { cuts: [10], low: min, high: max, bits: 16, signed: true, level: 0 };
  return { ...facts, ...changes, kind: "grey", width: pixels.length, height: 1, pixels: Int16Array.from(pixels), min, max };
}
