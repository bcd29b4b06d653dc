import type { AssignorName } from '../log/group-records.js';
import type { Assignor } from './assignor.js';
import { rangeAssignment } from './range-assignor.js';
import { roundRobinAssignment } from './round-robin-assignor.js';
import { stickyAssignment } from './sticky-assignor.js';

/** The assignors by the names that members ask for. */
export const ASSIGNORS: Readonly<Record<AssignorName, Assignor>> = {
  range: rangeAssignment,
  roundrobin: roundRobinAssignment,
  sticky: stickyAssignment,
};
