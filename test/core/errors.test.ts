// Codes are part of the contract: callers compare them.

import { expect, test } from "bun:test";
import * as errors from "../../src/core/errors.ts";

test("MillraceError subclasses carry a stable code and their own name, and are errors", () => {
  const {
    AbortError,
    BusyError,
    DeadlockError,
    MillraceError,
    ProtocolError,
    ScopeCancelledError,
    TaskCancelledError,
    TimeoutError,
  } = errors;
  const codes = [
    AbortError,
    BusyError,
    DeadlockError,
    ProtocolError,
    ScopeCancelledError,
    TaskCancelledError,
    TimeoutError,
  ].map((Class) => {
    const error = new Class("Cannot: so it is");
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toBeInstanceOf(Error);
    return `${error.name} ${error.code}`;
  });
  expect(codes).toEqual([
    "AbortError ERR_ABORTED",
    "BusyError ERR_BUSY",
    "DeadlockError ERR_DEADLOCK",
    "ProtocolError ERR_PROTOCOL",
    "ScopeCancelledError ERR_SCOPE_CANCELLED",
    "TaskCancelledError ERR_TASK_CANCELLED",
    "TimeoutError ERR_TIMEOUT",
  ]);
});
