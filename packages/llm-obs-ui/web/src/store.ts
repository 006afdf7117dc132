/** A value that components watch; there are few, and each has one owner. */

import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(value: T): void;
  use(): T;
}

export function createStore<T>(initial: T): Store<T> {
  let current = initial;
  const watchers = new Set<(value: T) => void>();
  return {
    get: () => current,
    set(value) {
      current = value;
      for (const watcher of [...watchers]) watcher(value);
    },
    use() {
      const [value, setValue] = useState(current);
      useEffect(() => {
        const watch = (next: T) => setValue(() => next);
        watchers.add(watch);
        watch(current);
        return () => void watchers.delete(watch);
      }, []);
      return value;
    },
  };
}
