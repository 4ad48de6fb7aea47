/**
 * The design system writes its styles at run time; the page's policy takes only those that carry the page's nonce.
 * Not every part of it can be told the nonce, so each style element gets it where it is made.
 */
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
const createElement = document.createElement.bind(document) as (name: string, options?: ElementCreationOptions) => HTMLElement;

document.createElement = ((name: string, options?: ElementCreationOptions) => {
  const element = createElement(name, options);
  if (nonce && name.toLowerCase() === 'style') element.nonce = nonce;
  return element;
}) as typeof document.createElement;

export {};
