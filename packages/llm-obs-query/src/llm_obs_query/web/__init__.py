"""HTTP: who may come in, the routes, the page's files."""
