/** Types of records.mjs, for tests and the benchmark. */
export function recordOf(command: string, figures: Record<string, unknown>): string;
export function writeRecord(name: string, command: string, figures: Record<string, unknown>): void;
