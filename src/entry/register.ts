/** The preload `sockscape/register`: see platform/node/register.ts. */
import { register } from '../platform/node/register.ts';

register();
