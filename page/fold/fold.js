// Opens the fold that a link, a search or the switch in the header asks for, and says on its line what ran in it.
(() => {
  "use strict";
})();
