// The book's search, as far as Sphinx lets it be changed: it puts this after its own script.

// Excerpts are fetched from their pages, which a browser refuses to a page opened from a folder.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol.startsWith("http");

// Excerpts are taken from what is read: no contents, no data of figures.
const textOf = Search.htmlToText;
Search.htmlToText = (page, anchor) => {
  const parsed = new DOMParser().parseFromString(page, "text/html");
  const article = parsed.querySelector("article") ?? parsed.body;
  article.querySelectorAll("script, style, noscript").forEach((element) => element.remove());
  article.setAttribute("role", "main"); // where Sphinx looks
  return textOf(article.outerHTML, anchor);
};

// Prose comes before names in the package's reference.
var Scorer = {
  score: (result) => {
    const [page, , , , score] = result;
    return page.startsWith("book/api") || page === "genindex" ? score - 20 : score;
  },
  objNameMatch: 3,
  objPartialMatch: 1,
  objPrio: { 0: 0, 1: 0, 2: -2 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
