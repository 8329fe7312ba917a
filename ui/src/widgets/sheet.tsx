// A dialog over the page: the browser keeps the keyboard inside of it and closes it on Escape.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";

/** The dialog, open as long as it is drawn. */
export function Sheet(props: {
  readonly title: string;
  readonly onClose: () => void;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const clickOutside = (event: MouseEvent) => {
    if (event.target === dialog.current) props.onClose();
  };
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="sheet-title" onClose={props.onClose} onClick={clickOutside}>
      <header>
        <h2 id="sheet-title">{props.title}</h2>
        {props.actions}
        <button type="button" class="quiet close" aria-label={t("close")} onClick={props.onClose}>
          ×
        </button>
      </header>
      <div class="sheet-body" tabIndex={0} role="group" aria-labelledby="sheet-title">
        {props.children}
      </div>
    </dialog>
  );
}
