// A received value: laid out when it is JSON, a link when it is a web address, else as it came.

import { layOutJson } from "../base/json";
import { linkTarget } from "../base/text";

/** The value. The link shows its whole target, so that nobody is led elsewhere unseen. */
export function ValueText({ text }: { readonly text: string }) {
  const laidOut = layOutJson(text);
  if (laidOut !== null) return <pre class="value">{laidOut}</pre>;
  const target = linkTarget(text);
  if (target !== null)
    return (
      <a class="value" href={target} title={target} rel="noopener noreferrer" target="_blank">
        {text}
      </a>
    );
  return text.includes("\n") ? <pre class="value">{text}</pre> : <bdi class="value">{text}</bdi>;
}
