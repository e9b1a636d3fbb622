// Relative, so that it also works behind the host's prefix.
const answer = await fetch("../public/hello");
document.querySelector("#said").textContent = JSON.stringify(await answer.json());
