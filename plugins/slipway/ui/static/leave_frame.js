// Airflow shows these pages in a frame that may not change the page around it; that page itself may.
"use strict";
for (const link of document.querySelectorAll("a[target=_top]")) {
  link.addEventListener("click", (event) => {
    if (window.parent === window) {
      return;
    }
    event.preventDefault();
    const outside = window.parent.document.createElement("a");
    outside.href = link.href;
    window.parent.document.body.append(outside);
    outside.click();
    outside.remove();
  });
}
