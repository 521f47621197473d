// A clock that is read a few times a second and costs a load at any other time: how a careful author of a server without a scheduler keeps
// the date and the deadlines of its connections.

const TICK_MS = 250;

/** The time as of the last tick, and whoever wants to hear of ticks. */
export class CoarseClock {
  /** Monotonic milliseconds. */
  now: number = performance.now();
  /** Milliseconds since 1970. */
  wall: number = Date.now();

  constructor(onTick: (clock: CoarseClock) => void = () => {}) {
    const timer = setInterval(() => {
      this.now = performance.now();
      this.wall = Date.now();
      onTick(this);
    }, TICK_MS);
    timer.unref();
  }
}
