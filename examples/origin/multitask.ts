// The origin's first program: three generators take turns on a FIFO scheduler. There the scheduler was a deque and a loop of ten lines; here
// it is millrace's ready ring, and `checkpoint` is the bare `yield` that gave way. Run: bun run examples/origin/multitask.ts

import { checkpoint, instrument, run, type Steps } from "millrace";

function* countdown(n: number): Steps<void> {
  for (let left = n; left > 0; left--) {
    console.log("T-minus", left);
    yield* checkpoint();
  }
}

function* countup(n: number): Steps<void> {
  for (let x = 0; x < n; x++) {
    console.log("Counting up", x);
    yield* checkpoint();
  }
}

const hooks = instrument({ taskExited: () => console.log("Task done") });
const tasks = [run(countdown(10)), run(countdown(5)), run(countup(20))];
await Promise.all(tasks.map((task) => task.promise));
hooks[Symbol.dispose]();
