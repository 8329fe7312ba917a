// The one place that asks for animation frames. Each task runs at most once a frame, last
// asked first forgotten, so that a burst of scroll events costs one drawing.

const waiting = new Map<string, () => void>();
let isAsked = false;

/** Runs a task in the next frame; a task asked for again under its name replaces the earlier. */
export function onNextFrame(name: string, task: () => void): void {
  waiting.set(name, task);
  if (isAsked) return;
  isAsked = true;
  window.requestAnimationFrame(() => {
    isAsked = false;
    const tasks = [...waiting.values()];
    waiting.clear();
    for (const run of tasks) run();
  });
}
