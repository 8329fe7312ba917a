// A labelled dropdown of look-backs; one that is not among the usual ones is offered, too.

import type { ComponentChildren } from "preact";
import { LOOKBACKS } from "../base/time";
import { lookbackName, t } from "../i18n";

/** The dropdown; `children` are further options. */
export function LookbackSelect(props: {
  readonly value: string;
  readonly offered: string;
  readonly onPick: (lookback: string) => void;
  readonly children?: ComponentChildren;
}) {
  return (
    <label class="field">
      <span>{t("lookback")}</span>
      <select value={props.value} onChange={(event) => props.onPick(event.currentTarget.value)}>
        {[...new Set([...LOOKBACKS, props.offered])].map((text) => (
          <option key={text} value={text}>
            {lookbackName(text)}
          </option>
        ))}
        {props.children}
      </select>
    </label>
  );
}
