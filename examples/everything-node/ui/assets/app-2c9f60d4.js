const who = document.getElementById("who");
const answer = await fetch("../whoami").then((response) => response.json());
who.textContent = answer.signed_in ? `Signed in as ${answer.email}` : "Not signed in";
