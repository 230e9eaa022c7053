// Keeps what is marked data-live up to date, without taking anything away from
// somebody who reads or types. The pages work without it.
'use strict';
(() => {
  const every = 5000;

  // Remembers the name that a form asks for, until the tab is closed.
  for (const field of document.querySelectorAll('[data-remember]')) {
    const key = 'refunds-' + field.dataset.remember;
    try {
      if (!field.value) field.value = sessionStorage.getItem(key) || '';
      field.form.addEventListener('submit', () => sessionStorage.setItem(key, field.value));
    } catch { /* storage may be forbidden */ }
  }

  // A form is sent once, however often its button is pressed.
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post') return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
  });
  window.addEventListener('pageshow', () => {
    for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
  });

  // A failed action's message is read first.
  document.querySelector('[role=alert]')?.focus();

  const box = document.getElementById('live');
  if (!box || !document.querySelector('main [data-live]')) return;
  // A page that answers a form can't be asked for again.
  if (document.querySelector('[role=alert]')) return;

  const button = box.querySelector('button');
  const says = box.querySelector('[data-says]');
  const keep = 'refunds-live';
  let on = true;
  try { on = sessionStorage.getItem(keep) !== 'off'; } catch { /* as it is */ }
  box.hidden = false;

  const tell = (text) => { if (says.textContent !== text) says.textContent = text; };
  const show = () => {
    button.setAttribute('aria-pressed', String(on));
    tell(on ? 'updates by itself' : 'stands still');
  };
  button.addEventListener('click', () => {
    on = !on;
    try { sessionStorage.setItem(keep, on ? 'on' : 'off'); } catch { /* as it is */ }
    show();
    if (on) update();
  });

  // What a person has opened, touched or stands in is left alone.
  const busy = (part) => part.contains(document.activeElement) || part.querySelector('details[open]') ||
    (window.getSelection && !window.getSelection().isCollapsed && part.contains(window.getSelection().anchorNode));

  // Replaces the parts that changed: the innermost that both pages have, the
  // outer ones only where their list of parts is another.
  const parts = (root) => [...root.querySelectorAll('[data-live]')];
  const names = (part) => parts(part).map((p) => p.dataset.live).join('\n');
  function replace(fresh) {
    for (const part of parts(document)) {
      if (!part.isConnected) continue;
      const other = fresh.querySelector('[data-live="' + CSS.escape(part.dataset.live) + '"]');
      if (!other) { if (!busy(part) && !part.closest('nav')) part.classList.add('gone'); continue; }
      if (names(other) && names(other) === names(part)) continue; // its parts are looked at each
      if (part.innerHTML === other.innerHTML || busy(part)) continue;
      part.replaceChildren(...document.importNode(other, true).childNodes);
    }
    document.title = fresh.title;
  }

  let asking = false;
  async function update() {
    if (!on || asking || document.hidden) return;
    asking = true;
    const ends = new AbortController();
    const late = setTimeout(() => ends.abort(), 2 * every);
    try {
      const address = new URL(location.href);
      for (const name of ['done', 'id']) address.searchParams.delete(name);
      const answer = await fetch(address, { headers: { Accept: 'text/html' }, redirect: 'manual', signal: ends.signal });
      if (answer.type === 'opaqueredirect' || answer.status === 401 || answer.status === 403) {
        on = false;
        show();
        tell('log in again: load the page');
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      replace(fresh);
      if (on) tell('updates by itself');
    } catch {
      if (on) tell('the worker does not answer; what you see may be old');
    } finally {
      clearTimeout(late);
      asking = false;
    }
  }

  show();
  setInterval(update, every);
  document.addEventListener('visibilitychange', update);
})();
