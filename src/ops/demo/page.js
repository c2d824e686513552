const button = document.getElementById("go"), out = document.getElementById("out");
button.hidden = false;
button.onclick = async () => {
  button.disabled = true;
  out.hidden = false;
  out.textContent = "";
  try {
    const response = await fetch(button.dataset.from);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      out.textContent += value;
    }
  } catch (error) {
    out.textContent += error;
  }
  button.disabled = false;
};
