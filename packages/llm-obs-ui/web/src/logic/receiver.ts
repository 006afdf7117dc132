/** Where spans can be sent, as somebody who looks at the page reaches it. */

export interface Target {
  protocol: "http" | "grpc";
  url: string;
  /** Said by the server; else it is the usual port of the machine that serves the page. */
  known: boolean;
  /** Only programs of that machine reach it, and the page was not opened there. */
  elsewhere: boolean;
}

const EVERY = new Set(["0.0.0.0", "[::]", "::", "*", ""]);
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;

/** The address to send to: OTLP over HTTP where there is one. `here` is the page's own host, brackets and all. */
export function target(receivers: readonly { protocol: string; address: string }[], here: string): Target {
  for (const protocol of ["http", "grpc"] as const) {
    const address = receivers.find((receiver) => receiver.protocol === protocol)?.address;
    if (!address) continue;
    const at = address.lastIndexOf(":");
    const host = address.slice(0, at);
    const reached = EVERY.has(host) ? here : host;
    const elsewhere = LOOPBACK.test(host) && !LOOPBACK.test(here);
    return { protocol, url: `http://${reached}:${address.slice(at + 1)}`, known: true, elsewhere };
  }
  return { protocol: "http", url: `http://${here}:4318`, known: false, elsewhere: false };
}

/** Lines that send spans by the SDK; it speaks HTTP. */
export function python(url: string, keyed: boolean): string {
  return `import llm_obs
from openai import OpenAI

llm_obs.init("my-app", endpoint="${url}"${keyed ? ', api_key="<key>"' : ""})

client = OpenAI()
client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello!"}],
)
llm_obs.flush()`;
}

/** The environment of any OpenTelemetry SDK. */
export function environment({ protocol, url }: Target, keyed: boolean): string {
  return `export OTEL_EXPORTER_OTLP_ENDPOINT=${url}
export OTEL_EXPORTER_OTLP_PROTOCOL=${protocol === "http" ? "http/protobuf" : "grpc"}${
    keyed ? '\nexport OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer <key>"' : ""
  }`;
}
