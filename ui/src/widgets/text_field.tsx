// A labelled field for a short text.

/** The field. */
export function TextField(props: {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly hint?: string;
  readonly className?: string;
  readonly lengthMax: number;
  readonly onType: (text: string) => void;
}) {
  return (
    <label class={`field ${props.className ?? ""}`} title={props.hint}>
      <span>{props.label}</span>
      <input
        value={props.value}
        placeholder={props.placeholder}
        spellcheck={false}
        maxLength={props.lengthMax}
        onInput={(event) => props.onType(event.currentTarget.value)}
      />
    </label>
  );
}
