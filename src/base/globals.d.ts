/**
 * The few globals that every environment shares (Node, pages, workers) and the language library does not declare.
 *
 * Only the core's configuration (tsconfig.json) includes this file: elsewhere @types/node or the DOM library declare
 * them. Add one only when Node 20 and every browser have it and its result is the same in all of them.
 */
declare class TextEncoder {
  readonly encoding: string;
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  decode(input?: ArrayBufferLike | ArrayBufferView, options?: { stream?: boolean }): string;
}
