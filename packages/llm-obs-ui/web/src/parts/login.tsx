/** The form for the key, shown when the API answers 401. The key goes to the server once and is not kept here. */

import { useEffect, useRef, useState } from "preact/hooks";
import { signIn } from "../api/client.ts";

export function Login() {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const key = field.current?.value ?? "";
    if (!key) return;
    setBusy(true);
    setError("");
    signIn(key).catch((reason: unknown) => {
      setError(reason instanceof Error ? reason.message : String(reason));
      setBusy(false);
      field.current?.select();
    });
  };
  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>Sign in</h1>
        <p>This server asks for a key, as its configuration or whoever runs it can tell.</p>
        <input type="text" name="username" autocomplete="username" value="llm-obs" readOnly hidden />
        <label for="key">Key</label>
        <input
          ref={field}
          id="key"
          name="key"
          type="password"
          autocomplete="current-password"
          required
          aria-invalid={error !== ""}
          aria-describedby="login-error"
        />
        <p id="login-error" class="said" role="alert">
          {error}
        </p>
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? "Signing in …" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
