"""A small made-up provider: its API for the imitation, and its client.

It proves that what is said of instrumentors and imitations in general does not mean OpenAI's: it has other paths,
fields, errors and names of tokens, streams in lines of JSON without events, and a generator function for a method.
"""
