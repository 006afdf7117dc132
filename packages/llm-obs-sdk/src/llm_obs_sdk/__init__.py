"""The llm-obs SDK: init, tracer, context, head sampling and delivery by OTLP."""
