export interface InputErrorDetails {
  /** What is wrong: expected and got, in lower case, without a final full stop. */
  readonly message: string;
  /** Stable identifier for scripts, kebab-case. */
  readonly code: string;
  /** The file, tensor, option or operator it concerns. */
  readonly where?: string;
  /** What the reader can do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** Something handed to Orbifold is wrong. Commands print its message as one line and exit with status 2. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly code: string;
  readonly detail: string;
  readonly where: string | undefined;
  readonly remedy: string | undefined;

  constructor(details: InputErrorDetails) {
    const place = details.where ? `${details.where}: ` : "";
    const advice = details.remedy ? `; ${details.remedy}` : "";
    super(`${place}${details.message}${advice}`, details.cause === undefined ? {} : { cause: details.cause });
    this.code = details.code;
    this.detail = details.message;
    this.where = details.where;
    this.remedy = details.remedy;
  }
}

/** Throws an InputError unless `condition` holds. */
export function check(condition: unknown, details: () => InputErrorDetails): asserts condition {
  if (!condition) throw new InputError(details());
}
