// A plugin for oxlint, and for ESLint: finds the operation that is made and not run, because its `yield*` is missing. The
// compiler lets it pass, and development mode sees it only when the line runs.
// It is JavaScript, because that is what linters load. It has no types to ask, so it follows names: what is imported
// from the package under any name, what a parameter or a variable must hold by its annotation, by the call that made it
// or by the function that a handler is given to. What it cannot be sure of it leaves alone. The two tables of what makes
// an operation are held against the package's declarations by test/lint/yield-star.test.ts.

/** The functions of each door that make an operation. */
export const OPERATIONS = {
  millrace: [
    "acceptTls",
    "all",
    "checkpoint",
    "connect",
    "listen",
    "moveOnAfter",
    "osSignal",
    "race",
    "scope",
    "serve",
    "shield",
    "sleep",
    "sleepForever",
    "startTls",
    "timeout",
    "until",
  ],
  "millrace/http": ["file", "replyOf", "serveHttp"],
};

/** The methods of each exported class and interface that make an operation. */
export const METHODS = {
  BodyWriter: ["flush", "write"],
  Conn: ["end", "flush", "read", "readExactly", "readLine", "readUntil", "readable", "writable", "write"],
  EventWriter: ["comment", "send"],
  FormParts: ["next"],
  HttpRequest: ["bytes", "formData", "json", "read", "text"],
  Items: ["close", "next"],
  Latch: ["wait"],
  Listener: ["accept"],
  Mutex: ["acquire"],
  Receiver: ["receive"],
  Scope: ["start"],
  Semaphore: ["acquire"],
  Sender: ["send"],
  SignalStream: ["next"],
  StreamChunks: ["next"],
  StreamSink: ["end", "write"],
  StreamWriter: ["write"],
  Subscription: ["receive", "whenOver"],
  TaskLocal: ["run"],
};

const DOORS = new Set(Object.keys(OPERATIONS));

/** What a call or an operation gives: a class or interface of METHODS, or one for each place of an array. */
const GIVEN_BY_CALL = {
  channel: ["Sender", "Receiver"],
  each: "Items",
  fromReadable: "Items",
  fromWritable: "StreamSink",
  osSignals: "SignalStream",
  taskLocal: "TaskLocal",
};
const GIVEN_BY_OPERATION = { connect: "Conn", listen: "Listener" };
/** Operations that give what another gives, and which argument that is. */
const HANDED_THROUGH = { moveOnAfter: 1, shield: 0, timeout: 1 };
/** Functions that take a handler: which argument, and what its first parameter is. */
const HANDLERS = {
  scope: [0, "Scope"],
  serve: [1, "Conn"],
  serveHttp: [1, "HttpRequest"],
  route: [2, "HttpRequest"],
  sse: [0, "EventWriter"],
  stream: [0, "BodyWriter"],
  toReadable: [1, "StreamWriter"],
  toWritable: [1, "StreamChunks"],
};

/** `table[name]`, but for a name that the table has itself. */
const entry = (table, name) => (name !== null && Object.hasOwn(table, name) ? table[name] : null);

const isFunction = (node) => /^(?:Arrow)?Function/.test(node.type);

/** `node` without what changes no value: parentheses, `!`, `as`, `satisfies`, the frame of an optional chain. */
function bare(node) {
  const wraps =
    /^(?:ParenthesizedExpression|ChainExpression|TSNonNullExpression|TSAsExpression|TSSatisfiesExpression)$/;
  return node !== null && node !== undefined && wraps.test(node.type) ? bare(node.expression) : node;
}

/** The name of a member that is written out, as in `conn.read`; else `null`. */
const memberName = (node) => (!node.computed && node.property.type === "Identifier" ? node.property.name : null);

/** Follows names through the scopes of one file. */
class Names {
  #sourceCode;
  /** Variables whose value is being looked for: `a = yield* a.accept()` must end. */
  #open = new Set();

  constructor(sourceCode) {
    this.#sourceCode = sourceCode;
  }

  #variable(identifier) {
    for (let scope = this.#sourceCode.getScope(identifier); scope !== null; scope = scope.upper) {
      const variable = scope.set.get(identifier.name);
      if (variable !== undefined) return variable;
    }
    return null;
  }

  /** The import that `identifier` is bound to, when it is one of the package's; else `null`. */
  #imported(identifier) {
    const definition = this.#variable(identifier)?.defs[0];
    if (definition?.type !== "ImportBinding" || !DOORS.has(definition.parent.source.value)) return null;
    return { specifier: definition.node, door: definition.parent.source.value };
  }

  /** What `node` is called in the package, and the door that exports it: for `nap`, `lib.sleep`, and in types `lib.Conn`. */
  exported(node) {
    if (node.type === "Identifier") {
      const found = this.#imported(node);
      if (found?.specifier.type !== "ImportSpecifier") return null;
      return { name: found.specifier.imported.name ?? found.specifier.imported.value, door: found.door };
    }
    const [object, name] =
      node.type === "MemberExpression"
        ? [bare(node.object), memberName(node)]
        : node.type === "TSQualifiedName"
          ? [node.left, node.right.name]
          : [null, null];
    if (object?.type !== "Identifier" || name === null) return null;
    const found = this.#imported(object);
    return found?.specifier.type === "ImportNamespaceSpecifier" ? { name, door: found.door } : null;
  }

  /** The name in the package of what `call` calls or constructs; `null` when it is nothing of the package's. */
  #called(call) {
    return this.exported(bare(call.callee))?.name ?? null;
  }

  /** How a call that makes an operation is best named in a message; `null` for any other call. */
  operation(call) {
    const callee = bare(call.callee);
    const found = this.exported(callee);
    if (found !== null) return OPERATIONS[found.door].includes(found.name) ? found.name : null;
    if (callee.type !== "MemberExpression") return null;
    const [kind, name] = [this.#kindOf(callee.object), memberName(callee)];
    return name !== null && entry(METHODS, kind)?.includes(name) === true ? `${kind}.${name}` : null;
  }

  /** Which entry of METHODS the value of `expression` surely is, null and undefined aside; else `null`. */
  #kindOf(expression) {
    const given = this.#given(bare(expression));
    return typeof given === "string" ? given : null;
  }

  #given(node) {
    if (node?.type === "Identifier") return this.#held(node);
    if (node?.type === "NewExpression") return this.#called(node);
    if (node?.type === "CallExpression") return entry(GIVEN_BY_CALL, this.#called(node));
    if (node?.type === "YieldExpression" && node.delegate) return this.#result(bare(node.argument));
    return null;
  }

  /** What the operation that `node` makes gives when it is run. */
  #result(node) {
    if (node?.type !== "CallExpression") return null;
    const name = this.#called(node);
    const through = entry(HANDED_THROUGH, name);
    if (through !== null) return this.#result(bare(node.arguments[through]));
    return this.operation(node) === "Listener.accept" ? "Conn" : entry(GIVEN_BY_OPERATION, name);
  }

  /** What a variable or parameter holds, as far as all that is ever written to it says the same. */
  #held(identifier) {
    const variable = this.#variable(identifier);
    const definition = variable?.defs[0];
    if (definition === undefined || variable.defs.length !== 1 || this.#open.has(variable)) return null;
    this.#open.add(variable);
    try {
      const annotation = definition.name.typeAnnotation?.typeAnnotation;
      if (annotation !== undefined && annotation !== null) return this.#annotated(annotation);
      const writes = variable.references.filter((reference) => reference.isWrite());
      if (definition.type === "Parameter") return writes.length === 0 ? this.#passed(definition) : null;
      if (definition.type !== "Variable") return null;
      return this.#written(definition, writes);
    } finally {
      this.#open.delete(variable);
    }
  }

  #written({ node, name }, writes) {
    if (node.id.type === "ArrayPattern") {
      const given = writes.length === 1 ? this.#given(bare(node.init)) : null;
      return Array.isArray(given) ? (given[node.id.elements.indexOf(name)] ?? null) : null;
    }
    if (node.id !== name) return null;
    const kinds = new Set(writes.map((reference) => this.#kindOf(reference.writeExpr)));
    return kinds.size === 1 ? [...kinds][0] : null;
  }

  #annotated(type) {
    if (type.type === "TSUnionType") {
      const parts = type.types.filter(({ type: part }) => part !== "TSNullKeyword" && part !== "TSUndefinedKeyword");
      return parts.length === 1 ? this.#annotated(parts[0]) : null;
    }
    return type.type === "TSTypeReference" ? (this.exported(type.typeName)?.name ?? null) : null;
  }

  /** What the first parameter of a handler is, by the function that the handler is written into. */
  #passed({ node, name }) {
    if (!isFunction(node) || node.params[0] !== name) return null;
    const holder = node.parent;
    if (holder.type === "ArrayExpression")
      return holder.elements[2] === node && this.#isRouted(holder) ? "HttpRequest" : null;
    if (holder.type !== "CallExpression") return null;
    const handler = entry(HANDLERS, this.#called(holder));
    return handler !== null && holder.arguments[handler[0]] === node ? handler[1] : null;
  }

  /** Is `row` a route, written into the array that router or group is called with? */
  #isRouted(row) {
    const call = row.parent.type === "ArrayExpression" ? row.parent.parent : null;
    return call?.type === "CallExpression" && ["router", "group"].includes(this.#called(call));
  }
}

/** What becomes of a call's value: `dropped`, `yield` or `await` with that expression, or `null` when it is used in some way. */
function fateOf(call) {
  for (let node = call, { parent } = call; ; node = parent, { parent } = parent) {
    if (parent.type === "ExpressionStatement") return { fate: "dropped", node: call };
    if (parent.type === "YieldExpression") return parent.delegate ? null : { fate: "yield", node: parent };
    if (parent.type === "AwaitExpression") return { fate: "await", node: parent };
    if (parent.type === "SequenceExpression") {
      if (parent.expressions.at(-1) !== node) return { fate: "dropped", node: call };
    } else if (parent.type === "LogicalExpression") {
      if (parent.right !== node) return null;
    } else if (parent.type === "ConditionalExpression") {
      if (parent.test === node) return null;
    } else if (bare(parent) === parent) {
      return null;
    }
  }
}

/** Is `node` in a generator function itself, where `yield*` can stand and a task can run it? */
function isInGenerator(node) {
  for (let { parent } = node; parent !== null; { parent } = parent) {
    if (isFunction(parent)) return parent.generator === true && parent.async !== true;
    if (/^(?:PropertyDefinition|AccessorProperty|StaticBlock)$/.test(parent.type)) return false;
  }
  return false;
}

/** The change that runs the operation; `null` where more than the call would have to change. */
function fixOf(call, { fate, node }) {
  if (!isInGenerator(call)) return null;
  if (fate === "yield") {
    const start = node.range[0];
    return bare(node.argument) === call
      ? (fixer) => fixer.insertTextAfterRange([start, start + "yield".length], "*")
      : null;
  }
  if (fate !== "dropped" || call.parent.type === "ChainExpression") return null;
  if (call.parent.type === "ExpressionStatement") return (fixer) => fixer.insertTextBefore(call, "yield* ");
  return (fixer) => [fixer.insertTextBefore(call, "(yield* "), fixer.insertTextAfter(call, ")")];
}

const yieldStar = {
  meta: {
    type: "problem",
    docs: { description: "an operation of millrace is run with `yield*`" },
    fixable: "code",
    schema: [],
    messages: {
      dropped: "The operation {{operation}} is made and never run: write `yield*` before it.",
      yield: "The operation {{operation}} is handed to a bare `yield`, which does not run it: write `yield*`.",
      await:
        "The operation {{operation}} is no promise, and `await` does not run it: write `yield*`, in a generator function.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const isUser = sourceCode.ast.body.some(
      (node) => node.type === "ImportDeclaration" && DOORS.has(node.source.value),
    );
    if (!isUser) return {};
    const names = new Names(sourceCode);
    return {
      CallExpression(call) {
        const fate = fateOf(call);
        const operation = fate === null ? null : names.operation(call);
        if (operation === null) return;
        context.report({ node: fate.node, messageId: fate.fate, data: { operation }, fix: fixOf(call, fate) });
      },
    };
  },
};

/** The plugin: one rule, `millrace/yield-star`. */
export default { meta: { name: "millrace" }, rules: { "yield-star": yieldStar } };
