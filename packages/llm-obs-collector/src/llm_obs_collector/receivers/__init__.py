"""OTLP servers: each speaks one transport and offers what it reads to the pipeline."""
