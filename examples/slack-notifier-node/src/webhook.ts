/** The address a message is posted to. */

const NO_URL = "must be a URL such as https://hooks.slack.com/services/…";

/** Why a text is no webhook. Read behind the field's name; it never quotes the text. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
}

/** An incoming webhook's URL. Whoever knows it can post, so only its host is ever shown. */
export class Webhook {
  readonly #url: string;
  readonly #masked: string;

  /** Throws a `WebhookError` for a text that is no webhook. */
  constructor(text: string) {
    const url = text.trim();
    // `URL` lets other characters pass, and with them the masked form that we show.
    if (!/^[!-~]+$/.test(url) || url.includes("\\")) {
      throw new WebhookError(NO_URL);
    }
    const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
    if (authority === undefined) {
      throw new WebhookError("must begin with https:// or http://");
    }
    if (authority.includes("@")) {
      throw new WebhookError("must not hold a user name or password");
    }
    // `URL` would find a host in https:///host too.
    if (authority === "" || !URL.canParse(url)) {
      throw new WebhookError(NO_URL);
    }
    const { protocol, host } = new URL(url);
    this.#url = url;
    this.#masked = `${protocol}//${host}/…`;
  }

  /** The URL itself, for the one place that posts to it and the one that keeps it. */
  expose(): string {
    return this.#url;
  }

  /** The URL as people may see it. */
  masked(): string {
    return this.#masked;
  }

  toString(): string {
    return this.#masked;
  }

  toJSON(): string {
    return this.#masked;
  }
}
