/** Asks the query API; every failure comes back as one error that a person can read. */

import { createKept, createStore } from "../store.ts";

export class ApiError extends Error {
  readonly status: number;

  constructor(text: string, status: number) {
    super(text);
    this.name = "ApiError";
    this.status = status;
  }
}

/** What the server says of the text in the filter box, when that is what is wrong. */
export function wrongFilter(error: ApiError | undefined): string | undefined {
  return error && /\(at whereText\b/.test(error.message) ? error.message : undefined;
}

/** Raised by a 401: the page shows the form for the key. */
export const signInNeeded = createStore(false);
/** Counts up at each sign-in, so that views ask again. */
export const signIns = createStore(0);
/** Whether somebody signed in here and can sign out; the cookie itself cannot be seen. */
export const session = createKept("llm-obs.session");
/** Requests under way. */
export const underWay = createStore(0);

/** A store that did not answer a question, and what it said. */
export interface Miss {
  reader: string;
  said: string;
}

/** Stores that did not answer, by the question that missed them: what is shown comes from the others. */
export const missing = createStore<ReadonlyMap<string, Miss[]>>(new Map());

interface Answer<T> {
  data?: T | null;
  errors?: { message?: string; extensions?: { code?: string; reader?: string } }[];
}

/**
 * Answers of a query. One of several stores that failed is told through `missing` as long as the others gave something;
 * every other error is raised.
 *
 * `query` must have a name.
 */
export async function ask<T>(
  query: string,
  variables: Record<string, unknown>,
  options: { signal?: AbortSignal } = {},
): Promise<T> {
  underWay.set(underWay.get() + 1);
  try {
    const { status, text } = await post("/graphql", JSON.stringify({ query, variables }), options.signal);
    if (status === 401) {
      session.set(false);
      signInNeeded.set(true);
      throw new ApiError("Sign in to see this.", status);
    }
    const { data, errors = [] } = read<T>(text, status);
    const messages = [...new Set(errors.map((error) => error.message ?? "An error without a message."))];
    const partly =
      data &&
      Object.values(data).every((field) => field !== null) &&
      errors.every((error) => error.extensions?.code === "READER_FAILED");
    if (messages.length && !partly) throw new ApiError(messages.join("\n"), status);
    if (!data) throw new ApiError(`The API answered ${status} without data.`, status);
    const said = errors.map(({ message = "", extensions }) => ({ reader: extensions?.reader ?? "", said: message }));
    miss(`${/\w+ (\w+)/.exec(query)?.[1]} ${JSON.stringify(variables["by"] ?? variables["after"] ?? "")}`, said);
    return data;
  } finally {
    underWay.set(underWay.get() - 1);
  }
}

function miss(question: string, misses: Miss[]): void {
  const now = missing.get();
  if (!misses.length && !now.has(question)) return;
  const next = new Map(now);
  if (misses.length) next.set(question, misses);
  else next.delete(question);
  missing.set(next);
}

/** Another view asks other questions: what the last one missed is no longer missed. */
export function forgetMissing(): void {
  if (missing.get().size) missing.set(new Map());
}

function read<T>(text: string, status: number): Answer<T> {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null) return answer as Answer<T>;
  } catch {
    // Said below, with what came.
  }
  const start = text.trim().slice(0, 300);
  throw new ApiError(`The API answered ${status}${start ? `: ${start}` : " and nothing else"}`, status);
}

async function post(path: string, body: string, signal?: AbortSignal): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body,
      ...(signal ? { signal } : {}),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(`${location.host} does not answer. Is the server running?`, 0);
  }
}

const REFUSED: Record<number, string> = {
  401: "The server does not know this key.",
  403: "This key may not read: it needs the scope read.",
};

/** Gives the key to the server, which answers with a cookie that scripts cannot read. */
export async function signIn(key: string): Promise<void> {
  const { status } = await post("/login", JSON.stringify({ key }));
  if (status >= 400) throw new ApiError(REFUSED[status] ?? `The server answered ${status}.`, status);
  session.set(true);
  signInNeeded.set(false);
  signIns.set(signIns.get() + 1);
}

export async function signOut(): Promise<void> {
  const { status } = await post("/logout", "");
  if (status >= 400) throw new ApiError(`The server answered ${status}.`, status);
  session.set(false);
  signInNeeded.set(true);
}
