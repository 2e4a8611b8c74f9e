/** OpenJPH compiled to WebAssembly, as far as it is used here. */
declare module "@cornerstonejs/codec-openjph" {
  export interface FrameInfo {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
    readonly isSigned: boolean;
  }
  export interface Decoder {
    /** Room for that many bytes of codestream, inside the WebAssembly memory. */
    getEncodedBuffer(length: number): Uint8Array;
    getDecodedBuffer(): Uint8Array;
    readHeader(): void;
    getFrameInfo(): FrameInfo;
    calculateSizeAtDecompositionLevel(level: number): { readonly width: number; readonly height: number };
    decodeSubResolution(level: number): void;
  }
  export interface OpenJph {
    HTJ2KDecoder: new () => Decoder;
  }
  const create: (options: {
    locateFile: (name: string) => string;
    print: (line: string) => void;
    printErr: (line: string) => void;
  }) => Promise<OpenJph>;
  export { create as default };
}
