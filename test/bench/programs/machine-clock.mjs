/** The machine's clock, for programs that measure what a world costs: to be imported before sockscape, which replaces it. */
const { bigint } = process.hrtime;

/** Milliseconds of the machine's, from any beginning. */
export const now = () => Number(bigint()) / 1e6;
