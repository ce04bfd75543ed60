/** Something that a person asked for and that cannot be done; the message says why, and what to do. */
export class Refused extends Error {}
