/**
 * The entry `sockscape/browser`: the environment of a page or worker, for hosts that run in real time there. Virtual
 * time needs none: see `sockscape/sim`.
 */
export { BrowserEnvironment } from '../platform/browser/environment.ts';
export { turn } from '../platform/browser/turn.ts';
