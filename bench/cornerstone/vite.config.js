import { compress } from "../../web/build/compress.ts";

export default { plugins: [compress()], worker: { format: "es" } };
