"""The Cython hot path of llm-obs: scan, edit, emit, encode, log segment, text scan, span recorder."""
