// Draws a component again only when one of its inputs is another value.

import { Component, type ComponentType, h } from "preact";

/** Wraps a function component so. */
export function memo<P extends object>(draw: (props: P) => ReturnType<typeof h>): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now = this.props as Readonly<Record<string, unknown>>;
      return Object.entries(next).some(([name, value]) => now[name] !== value);
    }

    override render() {
      return h(draw, this.props);
    }
  };
}
