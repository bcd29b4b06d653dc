import { assert } from '#runtime';

assert(1);
console.log('hi', import.meta.url);
