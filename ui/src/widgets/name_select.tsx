// A labelled dropdown over received names, with a first choice that means any of them.

import { showUnseen } from "../base/text";

/** The dropdown. A value that is not among the names is offered too, so that it is never lost. */
export function NameSelect(props: {
  readonly label: string;
  readonly any: string;
  readonly names: readonly string[];
  readonly value: string;
  readonly isDisabled?: boolean;
  readonly onPick: (name: string) => void;
}) {
  const names = props.value === "" || props.names.includes(props.value) ? props.names : [props.value, ...props.names];
  return (
    <label class="field">
      <span>{props.label}</span>
      <select
        value={props.value}
        disabled={props.isDisabled === true}
        onChange={(event) => props.onPick(event.currentTarget.value)}
      >
        <option value="">{props.any}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {showUnseen(name)}
          </option>
        ))}
      </select>
    </label>
  );
}
