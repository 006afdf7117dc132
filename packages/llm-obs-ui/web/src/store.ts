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

/** A yes or no that outlasts the page, where the browser keeps such things. */
export function createKept(name: string): Store<boolean> {
  const read = () => {
    try {
      return localStorage.getItem(name) === "yes";
    } catch {
      return false;
    }
  };
  const store = createStore(read());
  return {
    ...store,
    set(value) {
      try {
        if (value) localStorage.setItem(name, "yes");
        else localStorage.removeItem(name);
      } catch {
        // Storage is off: it lasts until the page is left.
      }
      store.set(value);
    },
  };
}
