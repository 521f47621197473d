// What has been delivered, in memory: the newest mails, bounded in number and in bytes. The oldest go first.

/** One mail that was accepted. */
export interface Mail {
  readonly id: number;
  /** Who sent it, by its envelope; empty for a mail about a mail that failed. */
  readonly from: string;
  readonly to: readonly string[];
  /** What the client calls itself. */
  readonly client: string;
  /** It came over TLS. */
  readonly isSecure: boolean;
  /** As it was sent, dots unstuffed: lines that end with CR LF. */
  readonly bytes: Uint8Array;
}

/** Bounds of a {@link Mailbox}. */
export interface MailboxLimits {
  readonly mailsMax: number;
  readonly bytesMax: number;
}

export const MAILBOX_LIMITS: MailboxLimits = { mailsMax: 1_000, bytesMax: 256 * 1024 * 1024 };

/** Holds the newest mails. */
export class Mailbox {
  readonly #limits: MailboxLimits;
  readonly #mails = new Map<number, Mail>();
  #bytes = 0;
  /** Mails that were accepted so far, those that are gone included. */
  accepted = 0;

  constructor(limits: MailboxLimits = MAILBOX_LIMITS) {
    this.#limits = limits;
  }

  /** Keeps a mail, and gives it with its number: from 1 on. */
  add(mail: Omit<Mail, "id">): Mail {
    const { mailsMax, bytesMax } = this.#limits;
    const kept = { id: ++this.accepted, ...mail };
    this.#mails.set(kept.id, kept);
    this.#bytes += kept.bytes.length;
    for (const oldest of this.#mails.values()) {
      if (oldest === kept || (this.#mails.size <= mailsMax && this.#bytes <= bytesMax)) break;
      this.#mails.delete(oldest.id);
      this.#bytes -= oldest.bytes.length;
    }
    return kept;
  }

  get(id: number): Mail | undefined {
    return this.#mails.get(id);
  }

  /** All that are there, oldest first. */
  get mails(): Mail[] {
    return [...this.#mails.values()];
  }

  clear(): void {
    this.#mails.clear();
    this.#bytes = 0;
  }
}
