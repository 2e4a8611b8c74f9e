/**
 * Signing out empties the shelf of images. The server's Clear-Site-Data does so already; this is for browsers
 * that do not know it: the page after the sign-out finds a word that Clear-Site-Data would have taken away.
 */

const LEFT = "hoichan.left";

export function startLeaving(): void {
  try {
    if (sessionStorage.getItem(LEFT) !== null) {
      void import("./shelf").then(({ emptyShelf }) => emptyShelf()).then(() => sessionStorage.removeItem(LEFT));
    }
    document.addEventListener("submit", ({ target }) => {
      if (target instanceof HTMLFormElement && target.getAttribute("action") === "/sign-out") sessionStorage.setItem(LEFT, "1");
    });
  } catch {
    // Storage is refused: there is no shelf either.
  }
}
