/**
 * Signals that stop a process, or let it go on. One that stands still while it has the turn would have the whole world wait:
 * they are refused, and `host.freeze` stops programs.
 */
export const STOPS: ReadonlySet<string> = new Set(['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGCONT']);
