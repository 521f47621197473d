// Every limit and default of millrace in one place: the unit is the last word of the name, the reason stands beside the number.
// Nothing here is read from the environment; what a user may change is an option of the function that uses it.

// --- scheduler ---------------------------------------------------------------------------------------------------------------

/** Steps in one pass. A pass runs inside a socket callback: after this many the rest waits until other sockets were served. */
export const PASS_STEPS_MAX: number = 256;

/** Leaves that may finish without parking in one step. A handler fed by an always-ready peer then goes to the end of the ring. */
export const STEP_BUDGET: number = 128;

/** Bytes handed to the kernel that use up a step's budget, and those that use up a pass. A kernel takes megabytes for a peer that does not read:
 * without them 200 such peers held everybody else up for six seconds. A pass of 1 MiB takes half a millisecond. */
export const STEP_BYTES: number = 64 * 1024;
export const PASS_BYTES: number = 1024 * 1024;

/** Tasks that have used up STEP_BYTES and go on in one turn of the loop: what comes in meanwhile waits for half a mebibyte at most. */
export const POSTPONED_TASKS_PER_TURN: number = 8;

/** Steps inside each other when a task joins one that is the next to run: each takes a piece of the native stack. */
export const NESTED_STEPS_MAX: number = 1;

/** First size of the ready ring, in tasks. It doubles when full. */
export const RING_TASKS_INITIAL: number = 256;

/** Time in ms that a deferred clean-up gets when `scope.defer` names none: long enough for a flush, short enough for a deploy. */
export const DEFER_GRACE_MS: number = 5_000;

/** Restarts that a supervisor makes within its period before it gives up, and that period in ms: Erlang's defaults. */
export const SUPERVISOR_INTENSITY: number = 1;
export const SUPERVISOR_PERIOD_MS: number = 5_000;

/** Ms that a supervised child gets to end when it is stopped: Erlang's default for workers. */
export const SUPERVISOR_SHUTDOWN_MS: number = 5_000;

/** How much longer the wait before each further restart of a child is, where the backoff says nothing else. */
export const SUPERVISOR_BACKOFF_FACTOR: number = 2;

/** Lines of a printed task tree. A deadlock of a million tasks must not print a million lines. */
export const TREE_LINES_MAX: number = 200;

/** Stack frames kept for reports of forgotten operations and for `where(task)`. */
export const REPORT_FRAMES_MAX: number = 32;

/** Diagnostics of one kind that are printed; later ones are only counted, so that a faulty loop cannot flood the log. */
export const REPORTS_MAX: number = 20;

/** Frames that the stack of an error has in a program of `main`, in development. The engine's own default is 10. */
export const DEVELOPMENT_FRAMES_MAX: number = 50;

// --- channels ----------------------------------------------------------------------------------------------------------------

/** Items that a channel or a subscriber of a broadcast may be made for: more is a queue without a bound in disguise. */
export const CHANNEL_ITEMS_MAX: number = 2 ** 24;

// --- conn --------------------------------------------------------------------------------------------------------------------

/** Bytes in the outbox from which the next write parks first. As the kernel's own send buffer takes megabytes, this is enough. */
export const OUTBOX_HIGH_WATER_BYTES: number = 64 * 1024;

/** Bytes gathered for one kernel write: below it small writes of a pass are joined, from it on they leave at once. See docs/decisions/0011. */
export const GATHER_BYTES: number = 32 * 1024;

/** Bytes of the buffer that they are gathered in: two parts of 16 KiB with their framing leave as one. */
export const GATHER_BUFFER_BYTES: number = 36 * 1024;

/** Gather buffers kept for reuse. One conn at a time needs one in a request and answer server; a broadcast needs some more. */
export const GATHER_BUFFERS_POOLED_MAX: number = 64;

/** Received bytes that wait for a reader before the socket is paused. Bun reads up to 512 KiB at once, so one chunk may pass it. */
export const RECEIVE_HIGH_WATER_BYTES: number = 64 * 1024;

/** Bytes that `readLine`, `readUntil` accept before their delimiter when `max` is not given. */
export const READ_UNTIL_BYTES_MAX: number = 64 * 1024;

/** After our FIN, ms in which the peer may still send before the socket is closed. */
export const LINGER_MS: number = 5_000;

/** Bytes of input thrown away after `close()` before the linger is cut short: a peer that never stops sending gets a reset. */
export const LINGER_BYTES_MAX: number = 64 * 1024 * 1024;

/** Ms that accepted bytes may make no progress towards the peer before a closing conn gives up on them. */
export const WRITE_STALL_MS: number = 30_000;

// --- connect -----------------------------------------------------------------------------------------------------------------

/** Ms until `connect` gives up when nothing else is said: the name, all attempts and TLS together. The system alone takes two minutes. */
export const CONNECT_MS: number = 30_000;

/** Ms that one address is tried before the next one is tried beside it. RFC 8305 section 5 recommends it. */
export const CONNECT_DELAY_MS: number = 250;

/** Addresses of a name that are tried. Real names have a handful. */
export const CONNECT_ADDRESSES_MAX: number = 16;

// --- listener and serve ------------------------------------------------------------------------------------------------------

/** Connections a server holds at once; one more is refused at once. Below the usual limit of open files, as Bun spins at it. */
export const CONNECTIONS_MAX: number = 10_000;

/** Accepted connections that wait for `accept()`; one more is refused at once. */
export const ACCEPT_QUEUE_MAX: number = 511;

/** Ms from a TCP connection to the end of its TLS handshake; then it is reset. A silent peer holds a file descriptor that long. */
export const TLS_HANDSHAKE_MS: number = 10_000;

/** Ms that handlers get to finish when their server is cancelled, before they are cancelled too. */
export const DRAIN_GRACE_MS: number = 10_000;

/** Ms from the first signal after which `main` ends the process, whatever is still running: above the grace and a linger. */
export const EXIT_GRACE_MS: number = 20_000;

// --- http --------------------------------------------------------------------------------------------------------------------

/** Bytes of request line and header fields together. */
export const HEAD_BYTES_MAX: number = 16 * 1024;

/** Header fields of a request. */
export const FIELDS_MAX: number = 100;

/** Field sections that a server keeps to know them again: a power of two. Browsers and proxies in front of one server are fewer at a time. */
export const FIELD_SECTIONS_KEPT_MAX: number = 64;

/** Bytes of a field section at most to be kept: a browser's with its cookies. All of them together take 128 KiB. */
export const FIELD_SECTION_BYTES_KEPT_MAX: number = 2 * 1024;

/** Request targets that a process keeps as text to know them again, up to 40 characters each: a power of two. */
export const TARGETS_KEPT_MAX: number = 512;

/** Names of which the value is kept with a kept section. */
export const FIELD_LOOKUPS_KEPT_MAX: number = 32;

/** Bytes of the request target. RFC 9112 section 3 recommends at least 8,000. */
export const TARGET_BYTES_MAX: number = 8 * 1024;

/** Bytes of the trailer section of a chunked body. */
export const TRAILER_BYTES_MAX: number = 16 * 1024;

/** Bytes of chunk extensions in one message: they carry nothing, so a flood of them is an attack. */
export const CHUNK_EXTENSION_BYTES_MAX: number = 16 * 1024;

/** Bytes of a request body unless the route says otherwise. */
export const BODY_BYTES_MAX: number = 16 * 1024 * 1024;

/** Bytes of an unread request body that are read and thrown away to keep a connection; one that is announced to be longer closes it. */
export const DRAIN_BODY_BYTES_MAX: number = 256 * 1024;

/**
 * The same once the head of an answer has promised that the connection goes on: of a chunked body, whose length shows only at its end, and of one
 * that a stream might still have read. To close earlier would cut off the next request of a client that believed the promise.
 */
export const DRAIN_PROMISED_BYTES_MAX: number = 16 * 1024 * 1024;

/** Pieces of a body below this many bytes are copied together when the whole body is asked for; larger ones are kept as they came. */
export const COPIED_PIECE_BYTES_MAX: number = 4096;

/** Bytes up to which a read of a file is made at once, without the thread pool: what a disk's read-ahead brings in one go. */
export const FILE_READ_NOW_BYTES: number = 64 * 1024;

/** Bytes of a file read at once. A client that is behind holds one such block in memory, whatever the file's size; a file of one needs no stream. */
export const FILE_BLOCK_BYTES: number = 256 * 1024;

/** Ranges of one request that are answered; with more the whole file is sent, which costs less than a thousand pieces of it. */
export const RANGES_MAX: number = 16;

/** Ms that a file must have been left alone before its entity tag counts as strong: above the ticks of file systems, two seconds at worst. */
export const FILE_SETTLED_MS: number = 2_000;

/** Root folders of static files whose real path is remembered. One server has a handful. */
export const FILE_ROOTS_REMEMBERED_MAX: number = 64;

/** Ms of silence after which an event stream sends a comment: below the idle limits of proxies and of address translation, 60 s and up. */
export const HEARTBEAT_MS: number = 15_000;

/** Parts of a form. Each costs some hundred bytes of memory, however short it is. */
export const FORM_PARTS_MAX: number = 1_000;

/** Bytes of the head of one part of a form: a field's name, a file's name and its type. */
export const FORM_HEADER_BYTES_MAX: number = 8 * 1024;

/** Bytes of one part of a form. The body limit holds as well, and holds all parts together. */
export const FORM_FILE_BYTES_MAX: number = 16 * 1024 * 1024;

/** Bytes of a form that are handed to its parser at once: a body in chunks of a byte must not become a million pieces. */
export const FORM_PIECE_BYTES: number = 4096;

/** Bytes of a body from which it is worth compressing: below, a packet is a packet. */
export const COMPRESS_BYTES_MIN: number = 1024;

/** Bytes of a body up to which it is compressed at once, in the handler's task, and sent with its length: 0.5 to 0.9 ms of text. */
export const COMPRESS_AT_ONCE_BYTES_MAX: number = 32 * 1024;

/** Bytes gathered before they go to the compressor's thread: a hop there and back takes 30 to 50 us, as long as two kilobytes. */
export const COMPRESS_GATHER_BYTES: number = 16 * 1024;

/** Bytes of a long body in memory that are compressed at a time: what they become waits in memory for the client. */
export const COMPRESS_SLICE_BYTES: number = 256 * 1024;

/** Ms that a half-sent head gets when the server drains: longer than a packet takes, and no client can hold a deploy up with it. */
export const DRAIN_HEAD_MS: number = 2_000;

/** Ms from the first byte of a head to its last. */
export const HEAD_MS: number = 30_000;

/** Ms that a body being read may stand still. */
export const BODY_STALL_MS: number = 30_000;

/** Bytes a second that a body must come with while it is read, averaged over the stall time: a trickle must not hold a handler for ever. */
export const BODY_BYTES_PER_SECOND_MIN: number = 240;

/** Ms that a connection may stay idle between two requests. */
export const KEEP_ALIVE_MS: number = 75_000;

/** Ms after which an idle connection is put to rest: it keeps its socket and gives back all other memory until the next byte comes. */
export const REST_AFTER_MS: number = 2_000;

/** Ms that a handler gets after the client's FIN before the client counts as gone: a half-closed client still wants its answer. */
export const HALF_CLOSE_GRACE_MS: number = 2_000;
