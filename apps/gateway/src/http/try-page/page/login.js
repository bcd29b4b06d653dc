// The login: it asks for an API key or a token while the gateway needs one.

import { credential, keepCredential } from './credential.js';
import { callApi, messageOf } from './gateway-http.js';

const UNAUTHORIZED = 401;

/** True for the error of a call whose credential is missing, or no longer accepted. */
export function isLoginNeeded(error) {
  return error?.problem?.status === UNAUTHORIZED;
}

/** The dialog that asks for a credential, and the name of the caller beside the page's heading. */
export class Login {
  #dialog = document.getElementById('login');
  #form = document.getElementById('login-form');
  #input = document.getElementById('login-credential');
  #error = document.getElementById('login-error');
  #signOut = document.getElementById('sign-out');
  #entered = () => undefined;

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const entered = this.#input.value.trim();
      if (entered === '') return;
      keepCredential(entered);
      this.#entered();
    });
    // Escape does not close a dialog that the page cannot do without.
    this.#dialog.addEventListener('cancel', (event) => event.preventDefault());
    this.#signOut.addEventListener('click', () => {
      keepCredential(undefined);
      location.reload();
    });
  }

  /** Resolves once the gateway accepts the visitor: at once while it needs no credential. */
  async untilAccepted() {
    for (;;) {
      try {
        const { principal } = await callApi('v1/whoami');
        this.#signOut.hidden = credential() === undefined;
        this.#signOut.textContent = `Sign out ${principal}`;
        return;
      } catch (error) {
        // The page reports all other errors itself.
        if (!isLoginNeeded(error)) return;
        const text = credential() === undefined ? '' : messageOf(error);
        keepCredential(undefined);
        await this.#ask(text);
      }
    }
  }

  async #ask(text) {
    this.#error.textContent = text;
    this.#input.value = '';
    if (!this.#dialog.open) this.#dialog.showModal();
    await new Promise((resolve) => {
      this.#entered = resolve;
    });
    this.#dialog.close();
  }
}
