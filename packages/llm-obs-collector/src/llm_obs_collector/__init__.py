"""The llm-obs collector: OTLP receivers, pipeline, durable log, sink workers, self-telemetry."""
