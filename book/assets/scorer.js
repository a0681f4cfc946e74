// How the book's search orders what it finds: prose before names in the package's reference.
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
