/** Every program of the oracle. */
import type { Program } from '../program.ts';
import { programs as binding } from './binding.ts';
import { programs as sockets } from './sockets.ts';

export const PROGRAMS: readonly Program[] = [...sockets, ...binding];
