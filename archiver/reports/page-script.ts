// The page's only script: while a run is at work it asks /status and moves the progress bar, and
// loads the page anew when the run has ended. Without scripts the page refreshes itself.

export const pageScript = `
(() => {
  const box = document.querySelector('[data-running]');
  if (!box) return;
  const stage = box.querySelector('[data-stage]');
  const bar = box.querySelector('progress');
  const names = JSON.parse(box.dataset.stages);
  let failures = 0;
  const ask = async () => {
    try {
      const answer = await fetch('/status', { cache: 'no-store' });
      const status = await answer.json();
      failures = 0;
      if (!status.running) return location.reload();
      const key = String(status.stage || 'start').split('.')[0];
      const count = status.done === undefined ? '' : ' ' + status.done + (status.total ? ' / ' + status.total : '');
      stage.textContent = box.dataset.template.replace('{stage}', (names[key] || key) + count);
      if (status.total) { bar.max = status.total; bar.value = status.done || 0; } else bar.removeAttribute('value');
    } catch {
      if (++failures > 20) { stage.textContent = box.dataset.lost; return; }
    }
    setTimeout(ask, 700);
  };
  setTimeout(ask, 400);
})();
`;
