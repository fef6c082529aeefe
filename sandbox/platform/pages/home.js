const message = document.getElementById("message");
const costs = document.getElementById("costs");
let timer;
async function show(token) {
  const answer = await fetch("/dashboard", {headers: {Authorization: "Bearer " + token}});
  const text = await answer.text();
  message.textContent = answer.ok ? "" : JSON.parse(text).error;
  if (answer.ok) {
    costs.replaceChildren(new DOMParser().parseFromString(text, "text/html").querySelector("main"));
  }
}
document.getElementById("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = new FormData(event.target).get("token");
  clearInterval(timer);
  show(token);
  timer = setInterval(show, 2000, token);
});
