/** Draws a component anew only when one of its properties changed; what `memo` of preact/compat does, without the rest. */

import { Component, type ComponentChild, type FunctionComponent } from "preact";

export function memo<P extends object>(draw: (props: P) => ComponentChild): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      const then = next as Record<string, unknown>;
      return (
        Object.keys(then).some((name) => !Object.is(now[name], then[name])) ||
        Object.keys(now).length !== Object.keys(then).length
      );
    }

    override render(): ComponentChild {
      return draw(this.props as P);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
